#!/bin/sh
# A copy of a folder of pictures and videos in which no face is shown: examples/anonymous_folder.sh FOLDER COPY [OPTION …]
# Faces that are not found are not hidden: a low threshold hides more; check the result before you publish it.
[ $# -ge 2 ] || { echo "usage: $0 FOLDER COPY [OPTION …]" >&2; exit 2; }
folder=$1 copy=$2
shift 2
ssh-detect "$folder" --output "$copy" --save blur --threshold 0.2 "$@"
