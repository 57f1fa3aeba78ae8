#!/usr/bin/env bash
# Asks a running server what its own OpenAPI document allows, and what it does not (schemathesis): no answer may be of status 500 or above, and
# each must be as the document says.
#
#     Scripts/schemathesis/run.sh http://127.0.0.1:8080 [further options of schemathesis]
#
# Collections are made, changed and dropped: the server should hold nothing that matters.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
url=$1
shift
# A collection for those requests that are to find one.
curl --silent --fail --output /dev/null --request PUT "$url/collections/notes" --data '{"dimensions": 2}'
curl --silent --fail --output /dev/null "$url/collections/notes/items" --data '{"items": [
    {"id": 1, "vector": [1, 2], "text": "one"}, {"id": "b", "vector": [2, 2], "metadata": {"lang": "en"}}]}'
export SCHEMATHESIS_HOOKS=$here/hooks.py
exec "${SCHEMATHESIS:-schemathesis}" --config-file "$here/schemathesis.toml" run "$url/openapi.json" "$@"
