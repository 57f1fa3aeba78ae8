#!/usr/bin/env bash
# Holds operations and saved models against PyTorch and sentence-transformers, in the environment of `make bench`.
set -euo pipefail
cd "$(dirname "$0")/../.."

. Benchmarks/peers/environment.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

swift build -c release --build-tests
KUKLA_PARITY="$work" swift test -c release --skip-build --filter OperationParityTests > "$work/log" || { cat "$work/log"; exit 1; }
"$venv/bin/python" Scripts/parity/operation_parity.py "$work/operations.jsonl" | tail -5

# A model that was just trained a little, on nonsense: the vectors must be the same whatever the weights.
printf 'a small dog\tthe dog is small\n%.0s' {1..2} > "$work/pairs.tsv"
for word in red green blue black white; do printf 'a %s house\tthe house is %s\n' $word $word >> "$work/pairs.tsv"; done
.build/release/kukla train contrastive --pairs "$work/pairs.tsv" --steps 3 --batch-size 4 --learning-rate 1e-3 -o "$work/tuned" -q
"$venv/bin/python" Scripts/parity/saved_model.py "$work/tuned" .build/release/kukla
.build/release/kukla train late-interaction --pairs "$work/pairs.tsv" --steps 3 --batch-size 4 -o "$work/late" -q
"$venv/bin/python" Scripts/parity/saved_model.py "$work/late" .build/release/kukla
.build/release/kukla train matryoshka --pairs "$work/pairs.tsv" --layers 3,6 --dims 384,48 --held-out 0 --steps 3 --batch-size 4 -o "$work/elastic" -q
.build/release/kukla export --model "$work/elastic" --dims 48 --layers 3 -o "$work/small" -q
"$venv/bin/python" Scripts/parity/saved_model.py "$work/small" .build/release/kukla "$work/elastic" 48 3
for pooling in "mean causal" "last causal" "mean bidirectional"; do
    set -- $pooling
    .build/release/kukla train instruct --stage1 "$work/pairs.tsv" --task "find the like" --pooling "$1" --mask "$2" --steps 3 --batch-size 4 -o "$work/$1-$2" -q
    "$venv/bin/python" Scripts/parity/saved_model.py "$work/$1-$2" .build/release/kukla
done
