#!/usr/bin/env python3
"""Writes JSON strings, one a line, that try a tokenizer's Unicode handling: every code point and random mixtures.

    python Scripts/parity/tokenizer_texts.py COUNT SEED > texts.jsonl
"""
import json
import random
import sys
import unicodedata

count, seed = int(sys.argv[1]), int(sys.argv[2])
draw = random.Random(seed)


def scalar(low=0, high=0x110000):
    while True:
        point = draw.randrange(low, high)
        if not 0xD800 <= point < 0xE000:
            return chr(point)


PLANES = [(0, 0x80), (0, 0x800), (0x300, 0x370), (0x370, 0x600), (0x600, 0x1100), (0x1100, 0x1200),
          (0x1E00, 0x2100), (0x2000, 0x3400), (0x3400, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD7B0),
          (0xE000, 0xF900), (0xF900, 0x10000), (0x10000, 0x12000), (0x12000, 0x1E000), (0x1D000, 0x1D200),
          (0x1E000, 0x1EF00), (0x1F000, 0x1FB00), (0x20000, 0x32000), (0xE0000, 0xE0200), (0, 0x110000)]
MOVERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.combining(chr(c))]
BITS = ["[SEP]", "[CLS]", "[MASK]", "[PAD]", "[UNK]", "[sep]", "[SEP", "##", "##s", "\u00a0", "\u3000", "\u200b",
        "\ufeff", "\u0085", "\0", "\ufffd", "\u2028", "\u2029", "\u1680", "\u180e", "\t", "\r\n", "\v", "\f", "İ",
        "ı", "ΣΑΣ", "ΟΔΟΣ ", "ﬁ", "ﬄ", "ẞ", "ß", "ǅ", "👩\u200d👩\u200d👧", "🇩🇪", "é", "e\u0301", "한글", "각", "中文",
        "豈", "x" * 100, "y" * 101, "é" * 100, "e\u0301" * 101, "中" * 101, "\u226e", "\u037e", "\u1fef", "\u2260",
        "\U0001d15e", "\U0001d165\U0001d16d", "\u302e", "\u0344", "\u0f73", "don't", "U.S.", "naïve", "Ångström",
        " ", "  ", ".", "'", "\u2019", "ⅷ", "①", "\u1e9b\u0323", "\u0345\u0301", "\u0e33", "\U000e0041", "\x7f"]


def piece():
    kind = draw.random()
    if kind < 0.2:
        return draw.choice(BITS)
    if kind < 0.45:
        return "".join(draw.choice("abcdefghijklmnopqrstuvwxyzABCDEIT0129 -_.") for _ in range(draw.randrange(1, 9)))
    if kind < 0.6:
        return "".join(draw.choice(MOVERS) for _ in range(draw.randrange(1, 5)))
    low, high = draw.choice(PLANES)
    return "".join(scalar(low, high) for _ in range(draw.randrange(1, 7)))


for point in range(0x110000):
    if point < 0xD800 or point >= 0xE000:
        if point % 16 == 0:
            block = [chr(point + k) for k in range(16)]
            print(json.dumps("".join("a" + c + "b " for c in block)))
            print(json.dumps("".join(c + " " for c in block)))
            print(json.dumps("".join(block)))
for _ in range(count):
    print(json.dumps("".join(piece() for _ in range(draw.randrange(1, 12)))))
