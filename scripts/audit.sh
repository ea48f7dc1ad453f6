#!/bin/sh
# What is depended on, asked of those who know: licences, sources and builds of crates (deny.toml), and the holes that are
# known of crates and of npm packages. Ends with 1 when something is wrong. A database that cannot be reached is named at
# the end: then nothing was asked of it. `cargo deny` has to be on the PATH.
set -u
cd "$(dirname "$0")/.."
wrong=0
unasked=""

echo "--- licences, builds and sources of crates"
cargo deny --locked check licenses bans sources || wrong=1

echo "--- known holes of crates (RustSec)"
if cargo deny fetch db; then
    for lock in $(git ls-files '*Cargo.lock'); do
        echo "$lock"
        cargo deny --locked --manifest-path "${lock%lock}toml" --config deny.toml check advisories || wrong=1
    done
else
    unasked="$unasked the database of RustSec;"
fi

for lock in $(git ls-files '*package-lock.json'); do
    folder=$(dirname "$lock")
    echo "--- known holes of npm packages: $folder"
    # 1 is for holes and for a registry that does not answer; its answer tells them apart.
    if told=$(cd "$folder" && npm audit --package-lock-only --json 2>/dev/null); then
        echo "none"
    elif printf '%s' "$told" | grep -q '"auditReportVersion"'; then
        (cd "$folder" && npm audit --package-lock-only)
        wrong=1
    else
        unasked="$unasked the npm registry, about $folder;"
    fi
done

[ -z "$unasked" ] || echo "NOT ASKED, as they could not be reached:$unasked" >&2
exit $wrong
