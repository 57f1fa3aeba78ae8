#!/usr/bin/env python3
"""Compares the token ids that Kukla printed with those of Hugging Face `tokenizers`.

    kukla tokenize --model FOLDER --json < texts.jsonl > ids.jsonl
    python Scripts/parity/tokenizer_parity.py FOLDER/tokenizer.json texts.jsonl ids.jsonl [--json] [--max-length N]

`texts` has one text a line, or with --json one JSON string a line. Exits 1 where a line differs.
"""
import argparse
import json
import sys

from tokenizers import Tokenizer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("tokenizer")
parser.add_argument("texts")
parser.add_argument("ids")
parser.add_argument("--json", action="store_true", help="each text is a JSON string")
parser.add_argument("--max-length", type=int)
arguments = parser.parse_args()

tokenizer = Tokenizer.from_file(arguments.tokenizer)
tokenizer.no_padding()
tokenizer.no_truncation()
if arguments.max_length:
    tokenizer.enable_truncation(arguments.max_length)

with open(arguments.texts, encoding="utf-8", newline="\n") as file:
    texts = [line.rstrip("\n") for line in file]
if arguments.json:
    texts = [json.loads(line) for line in texts]
with open(arguments.ids) as file:
    found = [json.loads(line) for line in file]
if len(texts) != len(found):
    sys.exit(f"{len(texts)} texts but {len(found)} lines of ids")

differences = tokens = 0
for start in range(0, len(texts), 10_000):
    block = texts[start:start + 10_000]
    for offset, (text, encoding) in enumerate(zip(block, tokenizer.encode_batch(block))):
        tokens += len(encoding.ids)
        if encoding.ids == found[start + offset]:
            continue
        differences += 1
        if differences <= 10:
            at = next((k for k, (a, b) in enumerate(zip(encoding.ids, found[start + offset])) if a != b), -1)
            print(f"line {start + offset + 1}, {ascii(text[:300])}\n  from token {at}: expected "
                  f"{encoding.ids[max(0, at):][:12]}, found {found[start + offset][max(0, at):][:12]}")
print(f"{len(texts)} texts, {sum(len(t.encode()) for t in texts)} bytes, {tokens} tokens: {differences} texts differ")
sys.exit(1 if differences else 0)
