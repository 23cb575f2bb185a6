#!/bin/bash
# Makes the Python environment of the referees, once: what requirements.txt pins, in ~/.cache/presale/referees.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
place=${PRESALE_REFEREES:-$HOME/.cache/presale/referees}
wanted=$here/requirements.txt

say() { printf '%s\n' "$*" >&2; }

if cmp -s "$wanted" "$place/installed.txt"; then exit 0; fi
command -v python3 >/dev/null || { say "referees: python3 is missing: apt-get install python3 python3-venv"; exit 1; }
say "referees: making $place (some 700 MB, a few minutes) with:"
sed 's/^/  /' "$wanted" >&2
python3 -m venv "$place" || { say "referees: no environment can be made: apt-get install python3-venv"; exit 1; }
"$place/bin/python" -m pip install --disable-pip-version-check --progress-bar off -r "$wanted" >&2
cp "$wanted" "$place/installed.txt"
say "referees: ready"
