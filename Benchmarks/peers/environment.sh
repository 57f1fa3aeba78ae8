# Sourced: makes the peers' virtual environment where there is none, in the cache folder (about 5 GB: PyTorch's wheel brings its GPU
# libraries), and names it $venv; $cache is the cache folder.
cache="${CACHE:-${KUKLA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kukla}}"
venv="${KUKLA_PEERS:-$cache/peers}"
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement Benchmarks/peers/requirements.txt
fi
