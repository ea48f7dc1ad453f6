#!/bin/sh
# Prints the newest CPython of this machine, from PATH and from pyenv, for the tests that want what is new: its own
# wheel, the newest Django. That is python3 itself where there is no newer one.
set -eu
versions="${PYENV_ROOT:-$HOME/.pyenv}/versions"
newest=python3
minor=$(python3 -c 'import sys; print(sys.version_info[1])')
for python in $(printf '%s\n' "$PATH" | tr ':' '\n' | sed 's:$:/python3.[1-9]*:') "$versions"/*/bin/python3.[1-9]*; do
    version=${python##*/python3.}
    case "$version" in *[!0-9]*) continue ;; esac
    if [ "$version" -gt "$minor" ] && "$python" -c 'import ensurepip, ssl, venv' 2>/dev/null; then
        newest=$python minor=$version
    fi
done
echo "$newest"
