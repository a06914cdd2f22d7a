#!/bin/sh
# Writes the lock files beside it from pyproject.toml, with uv in an environment that is thrown away; pins that still
# fit stay, unless --upgrade is given. `make lock` calls it.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check install --quiet uv

# what builds the project itself is locked too, so that setting up needs nothing that has no hash
"$work/venv/bin/python" - >"$work/build.in" <<'PYTHON'
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
PYTHON

lock() {
    output=requirements/$1.txt
    shift
    "$work/venv/bin/uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
        --output-file "$output" "$@"
}
lock build "$work/build.in" --no-annotate "$@"
lock runtime pyproject.toml "$@"
lock dev pyproject.toml --group dev "$@"
lock tryton --group tryton "$@"

# `make` says beforehand how much it downloads
note() {
    name=$1
    shift
    "$work/venv/bin/pip" --disable-pip-version-check download --quiet --no-deps --require-hashes \
        --dest "$work/$name" "$@"
    count=$(ls "$work/$name" | wc -l | tr -d ' ')
    size=$(du -sk "$work/$name" | cut -f1)
    { echo "# download: $count files, about $((size / 1000)) MB"; cat "requirements/$name.txt"; } >"$work/$name.txt"
    cat "$work/$name.txt" >"requirements/$name.txt"
}
note dev -r requirements/build.txt -r requirements/dev.txt
note tryton -r requirements/tryton.txt
