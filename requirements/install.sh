#!/bin/sh
# Puts this checkout and all that its tests need into .venv, at exactly the versions of dev.txt.
# The second time there is nothing to do, and it takes no time. PYTHON names another interpreter.
set -eu
cd "$(dirname "$0")/.."

wanted="$(cat pyproject.toml requirements/dev.txt requirements/install.sh | cksum)"
[ "$(cat .venv/installed 2>/dev/null || true)" != "$wanted" ] || exit 0

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if new_enough "$candidate"; then
        python="$candidate"
        break
    fi
done
if [ -z "$python" ]; then
    echo "Stoker needs Python 3.11 or later: set PYTHON to one" >&2
    exit 1
fi

echo "Installing into .venv: the first time this takes a minute" >&2
if ! new_enough .venv/bin/python; then
    "$python" -m venv --clear .venv >/dev/null 2>&1 || "$python" -m venv --clear --without-pip .venv
fi
pip() {
    # Some systems keep the pip for new environments in a package of its own; then the system's serves.
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install --quiet --quiet --no-deps "$@"
    else
        "$python" -m pip --python .venv/bin/python install --quiet --quiet --no-deps "$@"
    fi
}
pip --require-hashes --requirement requirements/dev.txt
# hatchling is among the pins, so that the build fetches nothing.
pip --no-build-isolation --editable .
echo "$wanted" >.venv/installed
