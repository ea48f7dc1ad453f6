#!/bin/sh
# Which lines of core and agent the Rust tests run; with folders of tests/ as arguments, those suites too, their drivers and
# agents built with the same counters. What a test kills (SIGKILL) writes no counters. Needs cargo-llvm-cov on the PATH.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="$PWD/target/coverage"
packages="-p freesmtp-core -p freesmtp-agent"
cargo llvm-cov clean --workspace
eval "$(cargo llvm-cov show-env --sh)"
# shellcheck disable=SC2086
cargo test --locked $packages
if [ $# -gt 0 ]; then
    # shellcheck disable=SC2086
    cargo build --locked $packages -p freesmtp-driver-rust --examples --bins
    FREESMTP_PROFILE=debug .venv/bin/python -m pytest -q "$@"
fi
# Tests are not what is measured.
cargo llvm-cov report --ignore-filename-regex '(/tests/|tests\.rs$|/examples/|/drivers/|/fuzz/|/on_loopback/)' \
    --summary-only
