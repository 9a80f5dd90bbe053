#!/bin/sh
# Makes build/venv, a Python with aioftp, for the test that talks to it.
set -eu

venv="$(cd "$(dirname "$0")/.." && pwd)/build/venv"
"$venv/bin/python" -c 'import aioftp' 2>/dev/null && exit 0

mkdir -p "$venv"
if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q aioftp==0.28.3; } >"$venv/log" 2>&1; then
    cat "$venv/log" >&2
    echo "venv.sh: cannot make a Python with aioftp (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
