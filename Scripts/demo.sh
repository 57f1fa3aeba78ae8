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
    local words=""
    for word in "$@"; do
        case $word in *" "*) words+=" \"$word\"" ;; *) words+=" $word" ;; esac
    done
    printf '\n\033[1m$ kukla%s\033[0m\n' "$words" >&2
    "$kukla" "$@"
}

if [ -n "$text" ]; then
    questions=()
else
    text=$out/packages.jsonl
    if ! command -v apt-cache > /dev/null; then
        echo "There is no apt here to take texts from: name a text file: make demo TEXT=notes.jsonl" >&2
        exit 2
    fi
    if [ "$(apt-cache dumpavail | grep -c '^Package:')" -lt 1000 ]; then
        echo "Asking apt for its packages" >&2
        if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
    fi
    apt-cache dumpavail | python3 "$(dirname "$0")/apt-descriptions.py" > "$text.tmp"
    mv "$text.tmp" "$text"
    questions=(
        "resize photos from the command line"
        "play chess against the computer"
        "find out which process is using the network"
    )
fi

show embed "$text" --int8 -o "$out/vectors.npy"
show fit "$out/vectors.npy" --budget "$budget" -o "$out/plan.json" --report "$out/report.html"
show index "$out/vectors.npy" --plan "$out/plan.json" --texts "$text" -o "$out/collection.kukla"
for question in "${questions[@]}"; do
    show search "$out/collection.kukla" "$question" -k 5
done
if [ ${#questions[@]} -eq 0 ]; then
    # A stranger's text: the first words of three of its own items are the questions.
    show search "$out/collection.kukla" --examples 3 -k 5
fi

printf '\nThe plans and the chart: %s\nThe collection:          %s\n' "$out/report.html" "$out/collection.kukla" >&2
