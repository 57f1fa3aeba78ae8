#!/usr/bin/env bash
# Starts a server with keys on a folder of its own, and drives the console in a headless Chromium against it.
#   Scripts/console/run.sh [FOLDER FOR SCREENSHOTS]
# Needs chromium and python3-venv, and the built command line (KUKLA, or .build/release/kukla) with its model (`make model`).
set -euo pipefail
cd "$(dirname "$0")/../.."

kukla=${KUKLA:-.build/release/kukla}
corpus=${CORPUS:-${KUKLA_DATA:-../shared/data}/scifact/corpus.jsonl.gz}
venv=${VENV:-.build/console-venv}
for file in "$kukla" "$corpus"; do
    [ -f "$file" ] || { echo "There is no $file: build with \`make build\`, and name texts in BEIR's JSON lines by CORPUS." >&2; exit 2; }
done
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check playwright axe-playwright-python
fi

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
key=$("$kukla" keys add "$work/data" --scope admin --label console 2> /dev/null)
"$kukla" serve --data "$work/data" --port 0 --log-level warning 2> "$work/log" &
server=$!
for _ in $(seq 60); do
    address=$(sed -n 's/^Serving .* on \(http:.*\)$/\1/p' "$work/log")
    [ -n "$address" ] && break
    kill -0 "$server" 2> /dev/null || break
    sleep 1
done
[ -n "$address" ] || { cat "$work/log" >&2; exit 1; }
"$venv/bin/python" Scripts/console/drive.py "$address" --key "$key" --data "$corpus" --count "${COUNT:-1500}" ${1:+--shots "$1"}
