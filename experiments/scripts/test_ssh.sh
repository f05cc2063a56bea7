#!/bin/bash
# Evaluate a trained network: ./experiments/scripts/test_ssh.sh GPU_ID DATASET NET [TAG] [options of tools/test_net.py]
#
#   GPU_ID   0, or 0,1, or cpu
#   DATASET  wider_face_val, or a folder in the training format
#   NET      vgg16 res50 res101 res152 mobile mobile_v2 darknet53
#   TAG      name of the training run (default: default)
#
# The newest snapshot of the run is taken; MODEL=path names another file.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ $# -lt 3 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
gpu=$1 dataset=$2 net=$3
shift 3
tag=default
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    tag=$1
    shift
fi

if [ "$gpu" = cpu ]; then export CUDA_VISIBLE_DEVICES=-1; else export CUDA_VISIBLE_DEVICES=$gpu; fi
if [ -d "$dataset" ]; then set_arguments=(--imdb folder --data "$dataset"); else set_arguments=(--imdb "$dataset"); fi

model=${MODEL:-}
if [ -z "$model" ]; then
    # Any set the network was trained on, newest first.
    newest=$({ find "output/$net" -mindepth 3 -maxdepth 3 -path "output/$net/*/$tag/*.index" \
        -printf '%T@ %p\n' 2>/dev/null || true; } | sort -n | tail -n 1 | cut -d' ' -f2-)
    if [ -z "$newest" ]; then
        echo "error: no snapshot under output/$net/*/$tag; train one, or name a file by MODEL=…" >&2
        exit 2
    fi
    model=${newest%.index}
fi

config=experiments/cfgs/$net.yml
config_arguments=()
if [ -f "$config" ]; then config_arguments=(--cfg "$config"); fi

mkdir -p experiments/logs
log=experiments/logs/test_${net}_$(basename "$dataset")_${tag}_$(date +%Y-%m-%d_%H-%M-%S).log
echo "Logging to $log"
.venv/bin/python tools/test_net.py "${set_arguments[@]}" --model "$model" --backbone "$net" "${config_arguments[@]}" \
    --tag "$tag" "$@" 2>&1 | tee "$log"
