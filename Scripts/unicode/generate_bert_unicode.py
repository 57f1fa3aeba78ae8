#!/usr/bin/env python3
"""Writes the character tables of the BERT tokenizer: Sources/CKernels/Generated/bert_unicode.c.

The tables say what Hugging Face's `tokenizers` does with every code point, by asking it: its parts carry
several Unicode versions (one for categories, one for normalisation, one for case), so tables from a single
Unicode release would differ from it in a few hundred places. Needs Python with `tokenizers`; the package
builds without.

    python Scripts/unicode/generate_bert_unicode.py Sources/CKernels/Generated/bert_unicode.c
"""
import sys

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CONTROL, SPACE, IDEOGRAPH, MARK, NONSTARTER, PUNCTUATION, SEPARATOR, HANGUL = (1 << i for i in range(8))
BLOCK = 64


def only(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return BertNormalizer(**(options | on)).normalize_str


clean, ideographs = only(clean_text=True), only(handle_chinese_chars=True)
strip, lower = only(strip_accents=True), only(lowercase=True)
nfd, split = NFD().normalize_str, BertPreTokenizer().pre_tokenize_str
HIGH, LOW = "\u0345", "\u0334"  # combining classes 240 and 1


def combining_class(c):
    """Whether the normaliser sorts `c` among its neighbours (1) or holds it for a starter (0)."""
    moved = nfd(HIGH + c) != HIGH + nfd(c) or nfd(c + LOW) != nfd(c) + LOW
    return 1 if moved else 0


# One mark for each combining class, to find the exact class of the few that are not stripped.
LADDER = {}


def exact_class(c):
    """The class whose mark neither moves before nor after `c`."""
    import unicodedata

    if not LADDER:
        for point in range(0x110000):
            k = unicodedata.combining(chr(point))
            if k and not unicodedata.decomposition(chr(point)) and combining_class(chr(point)):
                LADDER.setdefault(k, chr(point))
    fits = [k for k, m in LADDER.items() if nfd(m + c) == m + c and nfd(c + m) == c + m]
    assert len(fits) == 1, (hex(ord(c)), fits)
    return fits[0]


def record(point):
    c = chr(point)
    flags = 0
    cleaned = clean(c)
    assert cleaned in ("", " ", c), hex(point)
    flags |= CONTROL if cleaned == "" else 0
    flags |= SPACE if cleaned == " " else 0
    spaced = ideographs(c)
    assert spaced in (c, f" {c} "), hex(point)
    flags |= IDEOGRAPH if spaced != c else 0
    parts = [p for p, _ in split("a" + c + "a")]
    if parts == ["a", c, "a"]:
        flags |= PUNCTUATION
    elif parts == ["a", "a"]:
        flags |= SEPARATOR
    else:
        assert parts == ["a" + c + "a"], hex(point)
    full, stripped, lowered = nfd(c), strip(c), lower(c)
    if full == c and stripped == "":
        flags |= MARK
    if full == c and combining_class(c):
        flags |= NONSTARTER
    if 0xAC00 <= point < 0xAC00 + 11172:
        s = point - 0xAC00
        jamo = [0x1100 + s // 588, 0x1161 + s % 588 // 28] + ([0x11A7 + s % 28] if s % 28 else [])
        assert full == stripped == "".join(map(chr, jamo)) and lowered == c, hex(point)
        return (flags | HANGUL, (), ())
    return (
        flags,
        tuple(map(ord, full)) if full != c else (),
        tuple(map(ord, lowered)) if lowered != c else (),
    )


def main(path):
    numbers, records, points = {}, [], []
    for point in range(0x110000):
        r = (CONTROL, (), ()) if 0xD800 <= point < 0xE000 else record(point)
        if r not in numbers:
            numbers[r] = len(records)
            records.append(r)
        points.append(numbers[r])
    kinds = {p: records[n] for p, n in enumerate(points)}
    # The rule the tables are used by: strip(c) = NFD(c) without its marks.
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000 or kinds[point][0] & HANGUL:
            continue
        sequence = kinds[point][1] or (point,)
        kept = "".join(chr(p) for p in sequence if not kinds[p][0] & MARK)
        assert kept == strip(chr(point)), hex(point)
    reordered = [
        (p, exact_class(chr(p))) for p in range(0x110000)
        if kinds[p][0] & NONSTARTER and not kinds[p][0] & MARK and not kinds[p][1]
    ]

    blocks, block_numbers, first = [], {}, []
    for start in range(0, 0x110000, BLOCK):
        block = tuple(points[start:start + BLOCK])
        if block not in block_numbers:
            block_numbers[block] = len(blocks)
            blocks.append(block)
        first.append(block_numbers[block])
    pool, offsets = [], {}

    def place(sequence):
        if sequence not in offsets:
            offsets[sequence] = len(pool)
            pool.extend(sequence)
        return offsets[sequence]

    rows = []
    for flags, full, lowered in records:
        rows.append((flags, len(full), len(lowered), place(full) if full else 0, place(lowered) if lowered else 0))
    assert len(blocks) < 65536 and len(records) < 65536 and len(pool) < 65536

    def numbers_text(values):
        lines, line = [], "   "
        for v in values:
            item = f" {v},"
            if len(line) + len(item) > 110:
                lines.append(line)
                line = "   "
            line += item
        return "\n".join(lines + [line])

    with open(path, "w") as out:
        w = out.write
        w("// Written by Scripts/unicode/generate_bert_unicode.py; do not edit.\n")
        w(f"// Holds what Hugging Face tokenizers {tokenizers.__version__} does with each code point.\n")
        w('#include "../include/kk_bert_unicode.h"\n\n')
        w(f"static const uint16_t blocks_of[{len(first)}] = {{\n{numbers_text(first)}\n}};\n\n")
        flat = [v for b in blocks for v in b]
        w(f"static const uint16_t records_of[{len(flat)}] = {{\n{numbers_text(flat)}\n}};\n\n")
        w(f"static const kk_bert_record records[{len(rows)}] = {{\n")
        w(numbers_text("{%d, %d, %d, %d, %d}" % r for r in rows))
        w("\n};\n\n")
        w(f"static const uint32_t sequences[{len(pool)}] = {{\n{numbers_text(pool)}\n}};\n\n")
        w(f"static const kk_bert_reordered reordered[{len(reordered)}] = {{\n")
        w(numbers_text("{%d, %d}" % r for r in reordered))
        w("\n};\n\n")
        w("const kk_bert_unicode kk_bert_unicode_tables = {\n"
          f"    blocks_of, records_of, records, sequences, reordered, {len(rows)}, {len(pool)}, {len(reordered)},\n}};\n")
    print(f"{len(blocks)} blocks, {len(records)} records, {len(pool)} code points, {len(reordered)} reordered")


main(sys.argv[1])
