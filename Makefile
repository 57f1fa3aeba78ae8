# The two promises of the README are `make demo` and `make test`; the rest is for people who work on Kukla.
SHELL := /bin/bash
KUKLA := .build/release/kukla
TEXT ?=
export CACHE ?= $(or $(KUKLA_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kukla)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast sanitize lint format build model dependencies bench parity clean

help: ## List what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build model ## Real text in, a searchable collection of 48 bytes a vector out (TEXT=notes.jsonl for your own)
	@KUKLA=$(KUKLA) Scripts/demo.sh "$(TEXT)"

test: dependencies model ## Everything the tests need, and the tests
	@Scripts/test.sh

test-fast: dependencies model ## The same without whole commands and studies: half of the time
	@Scripts/test.sh --skip KuklaCommandTests --skip KuklaStudiesTests

build: dependencies ## Build the command line in release mode
	swift build -c release --product kukla

model: ## Fetch the real model into the cache folder
	@Scripts/fetch-model.sh

dependencies: ## Install the system libraries that are missing
	@Scripts/install-dependencies.sh

sanitize: dependencies ## Run the index tests under the thread sanitizer
	@Scripts/sanitize.sh

lint: ## Check the formatting
	swift format lint --strict -r Sources Tests Benchmarks Package.swift

format: ## Format in place
	swift format --in-place -r Sources Tests Benchmarks Package.swift

bench: build model ## Measure against the peers, in a virtual environment of their own; writes docs/benchmarks.md
	Benchmarks/peers/run.sh

parity: build model ## Hold operations and trained models against PyTorch and sentence-transformers
	Scripts/parity/run.sh

clean: ## Delete what was built
	swift package clean
