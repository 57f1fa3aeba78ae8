#!/usr/bin/env bash
# Makes a Python environment in the cache folder with the clients that tests ask the server with, and prints its Python. Where packages
# cannot be fetched it says so and succeeds: those tests then skip.
set -euo pipefail
venv="${CACHE:-${KUKLA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kukla}}/clients"
packages="openai==3.57.0 schemathesis==4.32.5 numpy==2.4.6"
if [ ! -x "$venv/bin/python" ] || [ "$(cat "$venv/packages" 2> /dev/null)" != "$packages" ]; then
    rm -rf "$venv"
    # shellcheck disable=SC2086
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet $packages && echo "$packages" > "$venv/packages"; } >&2; then
        echo "The clients that ask the server could not be installed; tests that need them skip." >&2
        rm -rf "$venv"
        exit 0
    fi
fi
echo "$venv/bin/python"
