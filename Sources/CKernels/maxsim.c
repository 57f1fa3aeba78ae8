// Late interaction of sets of vectors, in tiles of document x query vectors.
// A lane is a query vector, so that the maximum over a document is one instruction a document vector and two registers
// of query vectors, and nothing is added across lanes before the end. Reference: the tests hold every level against
// sums in double.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>

#define FAMILY maxsim
#define SOURCE "maxsim_level.inc.h"
#define TABLE(level) {level##_maxsim_f32}
#include "every_level.inc.h"
