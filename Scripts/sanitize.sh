#!/usr/bin/env bash
# Runs the index tests under the thread sanitizer: snapshots that readers search while a writer changes its own, and every
# loop that is divided among threads. In a scratch folder of its own; the first build takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=${SCRATCH:-.build/sanitize}
filter=${1:-KuklaIndexTests}
# Optimised: unoptimised numerics under the sanitizer take hours.
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0:exitcode=66}
swift test --sanitize=thread -c release --scratch-path "$scratch" --filter "$filter"
