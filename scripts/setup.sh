#!/bin/sh
# Makes .venv and node_modules what the requirement files say, and does nothing when they are.
#
# Stamps hold a checksum of the files (not their times: git gives those anew on each checkout).
# PYTHON names the interpreter to use. Everything happens in this checkout, so that two clones
# never meet; two runs in one clone wait for each other.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
LOG=.local/setup.log
LOCK=.local/setup.lock
BEAT=5 # seconds between signs of life

fail() {
    echo "setup: $*" >&2
    exit 1
}

python_wanted() {
    "$@" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' \
        >/dev/null 2>&1
}

# Each candidate is run, not only found: a pyenv shim exists also for versions that are not chosen.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python_wanted "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.13 with venv"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.13 python3 python "$(pyenv prefix 3.13 2>/dev/null)/bin/python3.13" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
        if python_wanted "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.13 is missing: get it from https://www.python.org/downloads/" \
        "(or 'pyenv install 3.13', 'uv python install 3.13', 'brew install python@3.13';" \
        "Debian and Ubuntu also need python3.13-venv), or name it with PYTHON=/path/to/python3.13"
}

need_node() {
    how="get Node 20 or newer with npm from https://nodejs.org/ (or 'nvm install 20', 'brew install node')"
    command -v node >/dev/null 2>&1 || fail "Node is missing: $how"
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || fail "node does not run: $how"
    [ "$major" -ge 20 ] || fail "Node $major is too old: $how"
    node_is_set_up || npm --version >/dev/null 2>&1 || fail "npm is missing: $how"
}

# Runs a command with its output in the log, and says every few seconds that it is alive.
step() {
    what=$1
    shift
    began=$(date +%s)
    echo "setup: $what"
    "$@" >"$LOG" 2>&1 &
    job=$!
    trap 'kill $job 2>/dev/null; unlock; exit 130' INT TERM HUP
    waited=0
    while kill -0 $job 2>/dev/null; do
        sleep 0.2
        waited=$((waited + 1))
        if [ $((waited % (BEAT * 5))) -eq 0 ]; then
            doing=$(grep -v "^WARNING" "$LOG" | tail -n 1 | cut -c 1-90)
            echo "setup:   $(($(date +%s) - began)) s: ${doing:-working}"
        fi
    done
    trap - INT TERM HUP
    if ! wait $job; then
        tail -n 20 "$LOG" >&2
        fail "that failed; the whole output is in $LOG"
    fi
    echo "setup:   done in $(($(date +%s) - began)) s"
}

lock() {
    mkdir -p .local
    mkdir "$LOCK" 2>/dev/null && echo $$ >"$LOCK/pid" && return
    echo "setup: waiting for another setup of this checkout"
    until mkdir "$LOCK" 2>/dev/null; do
        holder=$(cat "$LOCK/pid" 2>/dev/null || echo 0)
        if [ "$holder" -gt 0 ] && ! kill -0 "$holder" 2>/dev/null; then
            unlock # its owner was killed
        fi
        sleep 0.2
    done
    echo $$ >"$LOCK/pid"
}

unlock() {
    rm -rf "$LOCK"
}

python_sum() {
    cat requirements.txt requirements-dev.txt .python-version | cksum
}

node_sum() {
    cat package.json package-lock.json | cksum
}

python_is_set_up() {
    [ "$(cat $VENV/.atrium-setup 2>/dev/null)" = "$(python_sum)" ] && [ -x $VENV/bin/python ]
}

node_is_set_up() {
    [ "$(cat node_modules/.atrium-setup 2>/dev/null)" = "$(node_sum)" ]
}

set_up_python() {
    if ! python_wanted $VENV/bin/python; then
        python=$(find_python)
        step "a virtual environment in $VENV, of $python" "$python" -m venv --clear $VENV
    fi
    step "Python packages from PyPI (requirements-dev.txt)" \
        $VENV/bin/python -m pip install --disable-pip-version-check --no-input \
        --progress-bar off -r requirements-dev.txt
    python_sum >$VENV/.atrium-setup
}

set_up_node() {
    step "Azurite from npm (package-lock.json)" npm ci --no-audit --no-fund --loglevel http
    node_sum >node_modules/.atrium-setup
}

need_node
if python_is_set_up && node_is_set_up; then
    exit 0
fi
lock
trap unlock EXIT
python_is_set_up || set_up_python
node_is_set_up || set_up_node
