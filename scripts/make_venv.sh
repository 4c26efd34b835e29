#!/usr/bin/env bash
# Make .venv with torch and uv in it. torch comes first and by pip, so that a machine's own build of it is kept.
set -euo pipefail
python=${1:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || {
    echo "Podium needs Python 3.11 or newer; $python is $("$python" --version). Set PYTHON=/path/to/python3.11." >&2
    exit 1
}
if ! "$python" -m venv .venv; then
    echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2
    exit 1
fi
echo "Installing torch (once; some minutes where it has to be downloaded) ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep '^torch==' requirements.txt)" uv
