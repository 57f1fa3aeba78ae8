#!/usr/bin/env bash
# Builds and runs all tests in release mode (numerics are 18 times slower in debug), warnings as errors, and
# checks the formatting. The tests end with a line of their own; a failure anywhere fails the whole.
#   Scripts/test.sh [options of swift test]
set -euo pipefail
cd "$(dirname "$0")/.."

export KUKLA_STRICT=1
KUKLA_CLIENTS_PYTHON=$(Scripts/install-clients.sh)
export KUKLA_CLIENTS_PYTHON
swift format lint --strict -r Sources Tests Benchmarks Package.swift
swift build -c release --build-tests
swift test -c release --skip-build "$@"
