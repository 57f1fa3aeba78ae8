/// What the BERT normaliser and pre-tokeniser do with each Unicode code point, as generated tables.
#ifndef KK_BERT_UNICODE_H
#define KK_BERT_UNICODE_H

#include <stdint.h>

/// Bits of `kk_bert_record.flags`.
enum {
    kk_bert_control = 1,       ///< Removed by clean_text.
    kk_bert_space = 2,         ///< Becomes a space by clean_text.
    kk_bert_ideograph = 4,     ///< Gets a space on both sides by handle_chinese_chars.
    kk_bert_mark = 8,          ///< Removed by strip_accents.
    kk_bert_nonstarter = 16,   ///< Takes part in canonical ordering.
    kk_bert_punctuation = 32,  ///< A word of its own.
    kk_bert_separator = 64,    ///< Ends a word and is dropped, after normalisation.
    kk_bert_hangul = 128,      ///< Decomposes by the arithmetic of Hangul syllables.
};

/// Properties shared by all code points of one record. Lengths are in code points, 0 = maps to itself.
typedef struct kk_bert_record {
    uint8_t flags;
    uint8_t decomposed_length;  ///< Canonical decomposition, marks included.
    uint8_t lowered_length;
    uint16_t decomposed;  ///< Offset into `sequences`.
    uint16_t lowered;
} kk_bert_record;

/// A code point that strip_accents keeps and canonical ordering moves, with its combining class.
typedef struct kk_bert_reordered {
    uint32_t code_point;
    uint8_t combining_class;
} kk_bert_reordered;

/// The record number of `c` is `records_of[blocks_of[c >> 6] * 64 + (c & 63)]`, for c < 0x110000.
typedef struct kk_bert_unicode {
    const uint16_t *_Nonnull blocks_of;
    const uint16_t *_Nonnull records_of;
    const kk_bert_record *_Nonnull records;
    const uint32_t *_Nonnull sequences;
    const kk_bert_reordered *_Nonnull reordered;  ///< Ascending by code point.
    int32_t record_count;
    int32_t sequence_count;
    int32_t reordered_count;
} kk_bert_unicode;

extern const kk_bert_unicode kk_bert_unicode_tables;

#endif
