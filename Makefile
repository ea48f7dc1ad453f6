# freesmtp: the few commands that people type. Each sets up all that it needs.
#
#   make                    build the library, the command and the bindings
#   make demo               the main job end to end
#   make test               all tests of all languages
#   make accuracy           how often the diagnosis names the right cause
#   make model              the weights of words in refusals, learned anew
#   make fuzz SECONDS=60    each target of fuzz/ under libFuzzer, so long (SECURITY.md)
#   make audit              licences, sources and known holes of what is depended on
#   make coverage           which lines the Rust tests run, by file, with SUITES=tests/agent those suites too
#   make miri               what Miri can run of the core's own tests
#   make mutants FILES=…    changes of files of message, protocol and spool that no test of the core notices
#   make lint               formatting, lints, types, drift of generated files
#   make bench              freesmtp beside other clients on the same work
#   make install PREFIX=…   headers, libraries, pkg-config and CMake files, the command, the agent's service
#   make dist               wheel, source distribution and npm packages, as they are published (docs/releasing.md)
#   make test-dist          those packages, installed and used as their users do
#   make docs               the documentation as a site, in build/docs
#   make headers            generated headers and declarations, written anew
#   make monitor            the agent's web page, built anew into the agent's sources

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all

PREFIX ?= /usr/local
DESTDIR ?=
TARGET := $(or $(CARGO_TARGET_DIR),target)
PYTHON := .venv/bin/python
STAMPS := build/stamps
TOOLS := build/tools/bin
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
CARGO_FLAGS := --locked

export FREESMTP_PROFILE := release

.PHONY: all rust python node-binding drivers demo test test-rust test-suites test-django test-node test-monitor accuracy fuzz audit coverage miri mutants \
        lint lint-rust lint-python lint-node lint-monitor monitor drift bench install dist dist-python dist-node test-dist \
        docs header headers sanitize clean

# --- Setting up -------------------------------------------------------------------------------------------------

$(STAMPS)/packages-%: scripts/packages.sh
	scripts/packages.sh $*
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv: requirements-dev.lock | $(STAMPS)/packages-build
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@mkdir -p $(@D) && touch $@

# What is tested with the newest interpreter that there is, beside the one that `python3` is.
$(STAMPS)/newest: requirements-dev.txt scripts/newest_python.sh | $(STAMPS)/packages-build
	$$(scripts/newest_python.sh) -m venv --clear build/newest
	build/newest/bin/pip install --quiet --disable-pip-version-check $$(grep -E '^(django|pytest)==' requirements-dev.txt | tr -d ' ')
	@mkdir -p $(@D) && touch $@

$(STAMPS)/npm-monitor: monitor/package-lock.json monitor/package.json | $(STAMPS)/packages-build
	cd monitor && npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p $(@D) && touch $@

$(STAMPS)/npm: node/package-lock.json node/package.json | $(STAMPS)/packages-build
	cd node && npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p $(@D) && touch $@

# --- Building ---------------------------------------------------------------------------------------------------

all: rust python node-binding

rust: | $(STAMPS)/packages-build
	cargo build $(CARGO_FLAGS) --release -p freesmtp-ffi -p freesmtp-agent

python: $(STAMPS)/venv
	VIRTUAL_ENV="$$PWD/.venv" PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/maturin develop --quiet --release --locked -m py/Cargo.toml

node-binding: $(STAMPS)/npm
	cd node && npm run --silent build:release

# The page that the agent embeds. What is built is committed, so that building the agent needs no Node.
monitor: $(STAMPS)/npm-monitor
	cd monitor && npm run --silent build

# The drivers of the test suite and the examples, in every language.
drivers: all
	cargo build $(CARGO_FLAGS) --release -p freesmtp-driver-rust -p freesmtp-examples
	cargo build $(CARGO_FLAGS) --release -p freesmtp-agent --example submitter
	$(MAKE) --no-print-directory -f ffi-c/build.mk FREESMTP_LIB=$(TARGET)/release drivers examples

demo: drivers
	demo/demo.sh

# --- Testing ----------------------------------------------------------------------------------------------------

test: test-rust test-suites test-django test-node test-monitor
	@echo "All tests passed."

# The composer's tests ask Python's parser and DKIM verifier for their judgement.
test-rust: $(STAMPS)/venv | $(STAMPS)/packages-test
	cargo test $(CARGO_FLAGS) --workspace --exclude freesmtp-py

# How often the diagnosis is right on replies of real servers, and what is taken for what.
accuracy: | $(STAMPS)/packages-test
	cargo test --package freesmtp-core --lib -- --nocapture --include-ignored accuracy cross_validation

# What words say in a refusal, learned anew from the tables of tests/corpus/.
model: | $(STAMPS)/packages-test
	cargo test --package freesmtp-core --lib -- --ignored write_the_model

test-suites: drivers $(STAMPS)/npm-monitor | $(STAMPS)/packages-test
	$(PYTHON) scripts/suites.py tests

# Django's backends once more, with the newest Django; the suites have the newest that runs on python3.
test-django: python $(STAMPS)/newest | $(STAMPS)/packages-test
	PYTHONPATH=py/python build/newest/bin/python -m pytest -q tests/python/test_django.py

test-node: node-binding
	cd node && npm test

# What the page computes; tests/monitor, one of the suites, looks at it in a browser.
test-monitor: $(STAMPS)/npm-monitor
	cd monitor && npm test --silent

# What libFuzzer finds in so many seconds of processor time for each target of fuzz/, or for those of TARGETS; with KEEP=1 it
# makes fuzz/corpus anew.
SECONDS ?= 60
TARGETS ?=

build/fuzz/bin/cargo-fuzz:
	cargo install --locked --root build/fuzz cargo-fuzz@0.13.2

fuzz: build/fuzz/bin/cargo-fuzz | $(STAMPS)/packages-build
	scripts/fuzz.py --seconds $(SECONDS) $(if $(KEEP),--keep) $(TARGETS)

# Tools for one target each, built into build/tools when they are first asked for (some minutes each).
$(TOOLS)/cargo-deny:
	cargo install --locked --root build/tools cargo-deny@0.20.2

$(TOOLS)/cargo-llvm-cov:
	cargo install --locked --root build/tools cargo-llvm-cov@0.9.1

$(TOOLS)/cargo-mutants:
	cargo install --locked --root build/tools cargo-mutants@27.1.0

# SECURITY.md has what these have shown.
SUITES ?=
coverage: $(TOOLS)/cargo-llvm-cov $(STAMPS)/venv | $(STAMPS)/packages-test
	PATH="$(CURDIR)/$(TOOLS):$$PATH" scripts/coverage.sh $(SUITES)

# Parsers and checksums, and what is below them in other crates, each test with one of the inputs that it makes up: Miri interprets, a
# thousand times slower. Left out is what it cannot do (sockets, OpenSSL, other programs) or not in time (long messages, big primes).
# And the C interface, by the calls that the fuzzer kept, as they are and changed a little.
MIRI ?= dns::message protocol::capabilities protocol::stuffing any_cut_gives what_is_no_reply spool::frame spool::id spool::fields \
        types::reply types::text types::xtext
miri: | $(STAMPS)/packages-build
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=1 cargo +nightly miri test $(CARGO_FLAGS) -p freesmtp-core --lib -- $(MIRI)
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-env-set=FREESMTP_FUZZ=c -Zmiri-env-set=FREESMTP_FUZZ_ROUNDS=1" \
		cargo +nightly miri test $(CARGO_FLAGS) -p freesmtp-fuzz --no-default-features --features c --test replay -- what_

# SHARD=0/3 makes every third change. SECURITY.md has what has come of it.
FILES ?= core/src/protocol/stuffing.rs core/src/protocol/reply_parser.rs
SHARD ?=
mutants: $(TOOLS)/cargo-mutants $(STAMPS)/venv | $(STAMPS)/packages-build
	PATH="$(CURDIR)/$(TOOLS):$$PATH" scripts/mutants.py $(if $(SHARD),--shard $(SHARD)) $(FILES)

# tests/supply asks for the licences and sources in every test run, without a tool; known holes are in databases elsewhere.
audit: $(TOOLS)/cargo-deny
	PATH="$(CURDIR)/$(TOOLS):$$PATH" scripts/audit.sh

# --- Linting ----------------------------------------------------------------------------------------------------

lint: lint-rust lint-python lint-node lint-monitor drift

lint-rust: | $(STAMPS)/packages-build
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps -p freesmtp-core

lint-python: python
	.venv/bin/ruff check tests py examples/python
	.venv/bin/ruff format --check tests py examples/python
	.venv/bin/ruff check --config tests/ruff.toml bench demo docs/site scripts
	.venv/bin/ruff format --check --config tests/ruff.toml bench demo docs/site scripts
	.venv/bin/ruff check --config py/pyproject.toml tests/drivers/python
	cd tests && ../.venv/bin/mypy
	cd py && ../.venv/bin/mypy --strict ../examples/python && ../.venv/bin/stubtest freesmtp

lint-node: node-binding
	cd node && npm run --silent lint

lint-monitor: $(STAMPS)/npm-monitor
	cd monitor && npm run --silent lint

# The C suite with AddressSanitizer, and threads that share an object with ThreadSanitizer. Both are unstable options of
# rustc; the second has to instrument std too, so it takes a nightly toolchain with the component rust-src. The libraries are
# debug builds, which check more.
NIGHTLY = $(shell rustc +nightly --print sysroot)
sanitize: export FREESMTP_PROFILE := debug
sanitize: $(STAMPS)/venv
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo build $(CARGO_FLAGS) -p freesmtp-ffi --target $(HOST) --target-dir target/address
	FREESMTP_SANITIZE=address CARGO_TARGET_DIR="$(CURDIR)/target/address/$(HOST)" $(PYTHON) -m pytest -q tests/c
	RUSTFLAGS=-Zsanitizer=thread cargo +nightly build $(CARGO_FLAGS) -Zbuild-std -p freesmtp-ffi --target $(HOST) --target-dir target/thread
	FREESMTP_SANITIZE=thread CARGO_TARGET_DIR="$(CURDIR)/target/thread/$(HOST)" \
		FREESMTP_TSAN_RUNTIME="$(NIGHTLY)/lib/rustlib/$(HOST)/lib/librustc-nightly_rt.tsan.a" \
		$(PYTHON) -m pytest -q tests/c -k threads

# Generated files are committed; this fails when they are not what the sources give.
drift: headers monitor
	git diff --exit-code -- include node/index.d.ts node/lib agent/src/http/page docs/openapi.json Cargo.lock

header headers: node-binding
	cargo run $(CARGO_FLAGS) --quiet -p freesmtp-ffi --example header > build/freesmtp.h.new
	mv build/freesmtp.h.new include/freesmtp.h
	cd node && npm run --silent types
	cargo run $(CARGO_FLAGS) --quiet -p freesmtp-agent --example openapi > build/openapi.json.new
	mv build/openapi.json.new docs/openapi.json

# --- The rest ---------------------------------------------------------------------------------------------------

bench: drivers | $(STAMPS)/packages-bench
	$(PYTHON) bench/run.py

install: rust
	$(MAKE) -f ffi-c/install.mk install PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)"
	$(MAKE) -f packaging/install.mk install PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)"

# What is published, in dist/. The libraries carry their own TLS (`vendored`), which takes some minutes to build; with the
# target named, as napi does, both take the same one.
dist: dist-python dist-node

dist-python: $(STAMPS)/venv
	.venv/bin/maturin build --release --locked --features vendored --target $(HOST) --out dist -m py/Cargo.toml
	.venv/bin/maturin sdist --out dist -m py/Cargo.toml

dist-node: $(STAMPS)/npm
	cd node && node scripts/dist.mjs ../dist

# Apart from `make test`, because of that time.
test-dist: dist
	$(PYTHON) -m pytest -q tests/dist

# What the site is built with, apart from the rest: build/docs is the site, build/docs-parts what is generated for it.
$(STAMPS)/docs: docs/site/requirements.txt scripts/packages.sh | $(STAMPS)/packages-build
	scripts/packages.sh docs
	python3 -m venv --clear build/docs-venv
	build/docs-venv/bin/pip install --quiet --disable-pip-version-check -r docs/site/requirements.txt
	@mkdir -p $(@D) && touch $@

docs: python $(STAMPS)/docs
	cargo doc $(CARGO_FLAGS) --no-deps -p freesmtp-core
	rm -rf build/docs-parts && mkdir -p build/docs-parts
	cp -a $(TARGET)/doc build/docs-parts/rust
	cargo run $(CARGO_FLAGS) --quiet --release -p freesmtp-core --example diagnosis_catalogue > build/docs-parts/diagnoses.md
	PYTHONPATH=py/python:docs/site NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build --quiet --clean -f docs/site/mkdocs.yml
	python3 docs/site/check.py build/docs
	@echo "The documentation is in build/docs/index.html"

clean:
	cargo clean
	rm -rf build dist .venv node/node_modules monitor/node_modules
