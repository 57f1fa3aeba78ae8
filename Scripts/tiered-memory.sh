#!/usr/bin/env bash
# Peak memory of a search whose full vectors (about 1 GB) stay on disk, beside the same search with all of them in memory.
#   Scripts/tiered-memory.sh [KUKLA] [ROWS]
# Needs Python with numpy, 4 GB of disk in $TMPDIR, and some minutes.
set -euo pipefail
kukla=${1:-.build/release/kukla}
rows=${2:-700000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" - "$folder" "$rows" <<'PY'
import sys
import numpy as np

folder, rows = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(1)
out = np.lib.format.open_memmap(f"{folder}/base.npy", "w+", "float32", (rows, 384))
for start in range(0, rows, 50_000):
    part = out[start:start + 50_000]
    part[:] = random.standard_normal(part.shape, dtype="float32")
np.save(f"{folder}/queries.npy", random.standard_normal((100, 384), dtype="float32"))
PY
peak() {
    "${PYTHON:-python3}" - "$@" <<'PY'
import resource, subprocess, sys

subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}
for word in "Refine(F32,factor=20)" "Tiered(F32,factor=20)"; do
    built=$(peak "$kukla" index "$folder/base.npy" --factory "PQ48x4fs,$word" -o "$folder/c.kukla")
    echo "$word: file $(($(stat -c %s "$folder/c.kukla") >> 20)) MB"
    echo "  peak of index   $built MB"
    echo "  peak of search  $(peak "$kukla" search "$folder/c.kukla" --vectors "$folder/queries.npy" -k 10 --json) MB"
done
"$kukla" bench search "$folder/c.kukla" --queries "$folder/queries.npy"
