#!/bin/sh
# A copy of a folder of pictures and videos in which no face is shown: examples/anonymous_folder.sh FOLDER COPY [OPTION …]
# Faces that are not found are not hidden: a low threshold hides more; check the result before you publish it.
[ $# -ge 2 ] || { echo "usage: $0 FOLDER COPY [OPTION …]" >&2; exit 2; }
folder=$1 copy=$2
shift 2
# `make` installs it beside the examples, where a shell does not look.
detect=$(command -v ssh-detect) || detect=$(dirname -- "$0")/../.venv/bin/ssh-detect
[ -x "$detect" ] || { echo "error: no ssh-detect on the PATH or in .venv/bin; install it with: make install" >&2; exit 2; }
"$detect" "$folder" --output "$copy" --save blur --threshold 0.2 "$@"
