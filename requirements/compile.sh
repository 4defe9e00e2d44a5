#!/bin/sh
# Writes dev.txt anew from pyproject.toml: the newest versions that its ranges allow, with hashes.
# With names of packages, only those are renewed: sh requirements/compile.sh ruff mypy
set -eu
cd "$(dirname "$0")/.."

tools="$(mktemp -d)"
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --quiet uv

renew="--upgrade"
[ $# -eq 0 ] || renew="$(printf -- '--upgrade-package %s ' "$@")"
# One file for every platform and every Python; no address of an index goes into it.
# shellcheck disable=SC2086
"$tools/bin/uv" pip compile pyproject.toml --quiet --universal --all-extras \
    --group checks --group servers --group build --generate-hashes --no-annotate --no-emit-index-url \
    --custom-compile-command "sh requirements/compile.sh" \
    --output-file requirements/dev.txt $renew
