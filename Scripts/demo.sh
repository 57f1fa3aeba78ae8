#!/usr/bin/env bash
# The main job on real text: embed, fit to a byte budget, build the collection, ask it.
# The text is what apt knows about every package, or the file that the first argument names.
set -euo pipefail

kukla=${KUKLA:-.build/release/kukla}
text=${1:-}
budget=${BUDGET:-48B}
out=${OUT:-demo-output}
mkdir -p "$out"

show() {
    printf '\n\033[1m$ kukla %s\033[0m\n' "$*" >&2
    "$kukla" "$@"
}

if [ -n "$text" ]; then
    # A stranger's text: three of its own lines, cut short, are the questions.
    mapfile -t questions < <("$kukla" sample "$text" --count 3 --words 8)
else
    text=$out/packages.jsonl
    if ! command -v apt-cache > /dev/null || [ "$(apt-cache dumpavail | grep -c '^Package:')" -lt 1000 ]; then
        echo "apt knows no packages here: run 'apt-get update', or name a text file: make demo TEXT=notes.jsonl" >&2
        exit 2
    fi
    apt-cache dumpavail | python3 "$(dirname "$0")/apt-descriptions.py" > "$text.tmp"
    mv "$text.tmp" "$text"
    questions=(
        "resize photos from the command line"
        "play chess against the computer"
        "find out which process is using the network"
    )
fi

show embed "$text" -o "$out/vectors.npy"
show fit "$out/vectors.npy" --budget "$budget" -o "$out/plan.json" --report "$out/report.html"
show index "$out/vectors.npy" --plan "$out/plan.json" --texts "$text" -o "$out/collection.kukla"
for question in "${questions[@]}"; do
    show search "$out/collection.kukla" "$question" -k 5
done

printf '\nThe plans and the chart: %s\nThe collection:          %s\n' "$out/report.html" "$out/collection.kukla" >&2
