/// SIMD inner loops of Kukla. Plain C; every family is a table of functions, one table for each
/// CPU level, resolved once by the caller. Nothing here allocates, locks or keeps state.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "kk_attention.h"
#include "kk_bert_unicode.h"
#include "kk_bits.h"
#include "kk_checksum.h"
#include "kk_picked.h"
#include "kk_cpu.h"
#include "kk_distance.h"
#include "kk_half.h"
#include "kk_maxsim.h"
#include "kk_pooling.h"
#include "kk_product.h"
#include "kk_recurrence.h"
#include "kk_scalar_quantizer.h"
#include "kk_topk.h"
#include "kk_training.h"
#include "kk_transformer.h"

#endif
