#!/bin/bash
# Train a network: ./experiments/scripts/train_ssh.sh GPU_ID DATASET NET [options of tools/trainval_net.py, --set …]
#
#   GPU_ID   0, or 0,1, or cpu
#   DATASET  wider_face, or a folder in the training format (a relative path counts from the repository's root)
#   NET      vgg16 res50 res101 res152 mobile mobile_v2 darknet53
#
# Starts from data/imagenet_weights/NET.npz, NET.ckpt or what `tools/fetch_data.py weights` put there; WEIGHT=path names
# another file, WEIGHT=none starts from nothing.
# A run that was stopped is resumed when it is started again.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ $# -lt 3 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
gpu=$1 dataset=$2 net=$3
shift 3

if [ "$gpu" = cpu ]; then export CUDA_VISIBLE_DEVICES=-1; else export CUDA_VISIBLE_DEVICES=$gpu; fi
if [ -d "$dataset" ]; then
    data_arguments=(--data "$dataset")
else
    data_arguments=(--imdb "${dataset}_train" --imdbval "${dataset}_val")
fi

declare -A slim=(
    [vgg16]=vgg_16.ckpt [res50]=resnet_v1_50.ckpt [res101]=resnet_v1_101.ckpt [res152]=resnet_v1_152.ckpt
    [mobile]=mobilenet_v1_1.0_224.ckpt [mobile_v2]=mobilenet_v2_1.0_224.ckpt
)
weight=${WEIGHT:-data/imagenet_weights/$net.ckpt}
if [ -z "${WEIGHT:-}" ]; then
    for file in "$net.npz" "$net.ckpt" "${slim[$net]:-$net.ckpt}"; do
        found=data/imagenet_weights/$file
        if [ -f "$found" ] || [ -f "$found.index" ]; then weight=$found && break; fi
    done
fi
weight_arguments=(--weight "$weight")
if [ "$weight" = none ]; then weight_arguments=(); fi

config=experiments/cfgs/$net.yml
config_arguments=()
if [ -f "$config" ]; then config_arguments=(--cfg "$config"); fi

mkdir -p experiments/logs
log=experiments/logs/train_${net}_$(basename "$dataset")_$(date +%Y-%m-%d_%H-%M-%S).log
echo "Logging to $log"
# The script becomes Python, and tee ignores signals: Ctrl-C or a kill is Python's to answer, with a snapshot.
exec > >(trap '' INT TERM; exec tee "$log") 2>&1
exec .venv/bin/python tools/trainval_net.py --backbone "$net" "${data_arguments[@]}" "${weight_arguments[@]}" \
    --iters 300000 "${config_arguments[@]}" "$@"
