#!/bin/sh
# Forgets .local/. The stack's own code does it, because it knows whether one is running.
set -eu
cd "$(dirname "$0")/.."
if [ -x .venv/bin/python ]; then
    exec .venv/bin/python -m emulators.stack.reset
fi
# Without .venv no stack of this checkout can be running.
rm -rf .local
echo "$PWD/.local is empty"
