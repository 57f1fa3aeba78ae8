// Inner loops of recurrent layers.
// Reference: the tests hold every level against the formulas in double.
#include "CKernels.h"
#include "vectors.h"

#define FAMILY recurrence
#define SOURCE "recurrence_level.inc.h"
#define TABLE(level) {level##_gated_rows, level##_gated_slope_rows}
#include "every_level.inc.h"
