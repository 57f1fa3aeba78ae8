#!/usr/bin/env bash
# Installs the system libraries that Kukla links, where they are missing. Debian and Ubuntu.
set -euo pipefail

if ! command -v swift > /dev/null; then
    echo "Kukla needs Swift 6.2 or later: see https://www.swift.org/install and come back." >&2
    exit 2
fi
[ "$(uname)" = Linux ] || exit 0

declare -A header=(
    [libdnnl-dev]=oneapi/dnnl/dnnl.h
    [liblapacke-dev]=lapacke.h
    [libpng-dev]=png.h
    [zlib1g-dev]=zlib.h
    [libsqlite3-dev]=sqlite3.h
)
missing=()
for package in "${!header[@]}"; do
    found=$(find /usr/include /usr/local/include -path "*/${header[$package]}" -print -quit 2> /dev/null || true)
    [ -n "$found" ] || missing+=("$package")
done
python3 -m pip --version > /dev/null 2>&1 || missing+=(python3-pip)
python3 -c "import ensurepip" > /dev/null 2>&1 || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Installing ${missing[*]}" >&2
if [ "$(id -u)" = 0 ]; then sudo=(); else sudo=(sudo); fi
if ! command -v apt-get > /dev/null; then
    echo "No apt-get here: install by hand what provides ${missing[*]} (oneDNN, LAPACKE, libpng, zlib, SQLite, pip)." >&2
    exit 2
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
