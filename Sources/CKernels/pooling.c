// Inner loops of maximum pooling.
// Reference: the tests hold every level against the definition.
#include "CKernels.h"
#include "vectors.h"

#define FAMILY pooling
#define SOURCE "pooling_level.inc.h"
#define TABLE(level) {level##_max_windows}
#include "every_level.inc.h"
