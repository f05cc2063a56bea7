#!/bin/bash
# Train MobileNetV1 from its first weights to a frozen graph: ./experiments/scripts/train_model.sh GPU_ID FOLDER… [-- options]
#
#   GPU_ID   0, or 0,1, or cpu
#   FOLDER…  data in the training format, at least one; all are trained on together
#   options  of tools/trainval_net.py, for all stages, e.g. -- --set TRAIN.IMS_PER_BATCH 1
#
# First come 9,000 iterations by mobile_faces.yml from weights of the backbone, then 3,121 by mobile_wider.yml, then 3,300 of
# the branch M1 alone by mobile_m1.yml, then 4,600 by mobile_mosaic.yml and 4,100 by mobile_exposure.yml. The first weights
# are data/imagenet_weights/mobile.npz, which tools/convert_faceapi_mobile.py makes; WEIGHT=path names others. With a .pb file
# or one with "ssh" in its name, as data/models/mobile_ssh.pb, the second stage comes at once. STEPS="first second third fourth
# fifth" sets other numbers of iterations (0, or none: without that stage), OUTPUT=path the frozen graph (default:
# output/mobile_ssh.pb). A training that was stopped is resumed when it is started again.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ $# -lt 2 ]; then
    sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
gpu=$1
shift
folders=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    if [ ! -d "$1" ]; then echo "error: $1: no such folder" >&2 && exit 2; fi
    folders+=("$1")
    shift
done
shift || true
if [ "${#folders[@]}" = 0 ]; then echo "error: name a folder to train on" >&2 && exit 2; fi

if [ "$gpu" = cpu ]; then export CUDA_VISIBLE_DEVICES=-1; else export CUDA_VISIBLE_DEVICES=$gpu; fi
read -r first second third fourth fifth <<<"${STEPS:-9000 3121 3300 4600 4100}"
weight=${WEIGHT:-data/imagenet_weights/mobile.npz}
if [ -z "${WEIGHT:-}" ] && [ ! -f "$weight" ]; then
    echo "error: $weight: no such file; tools/convert_faceapi_mobile.py makes it, or WEIGHT=path names other weights" >&2 && exit 2
fi
output=${OUTPUT:-output/mobile_ssh.pb}
set_name=$(for folder in "${folders[@]}"; do basename "$(realpath "$folder")"; done | paste -sd +)

# python ARGUMENT…: a signal to this script, or to all of its processes, is passed on once, and what is saved then is awaited
python() {
    local code=0
    setsid .venv/bin/python "$@" &
    local child=$!
    trap 'kill -TERM "$child" 2>/dev/null' INT TERM
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    trap - INT TERM
    return "$code"
}

# train TAG STEPS CFG [options], from $weight, and let $weight be what comes of it
train() {
    local tag=$1 steps=$2 config=$3 from=$weight
    shift 3
    [ "${steps:-0}" != 0 ] || return 0
    echo "$tag: $steps iterations from $from"
    python tools/trainval_net.py --backbone mobile --data "${folders[@]}" --weight "$from" --iters "$steps" \
        --cfg "experiments/cfgs/$config" --tag "$tag" "$@"
    weight=output/mobile/$set_name/$tag/mobile_ssh_iter_$steps.ckpt
    # A signal ends a training with a snapshot and no error.
    if [ ! -f "$weight.index" ]; then
        echo "$tag ended before iteration $steps; if it was stopped, the same command resumes it" >&2 && exit 1
    fi
}

mkdir -p experiments/logs
log=experiments/logs/train_model_${set_name}_$(date +%Y-%m-%d_%H-%M-%S).log
echo "Logging to $log"
exec > >(trap '' INT TERM; exec tee "$log") 2>&1

case ${weight##*/} in
    *.pb | *ssh*) ;;
    *) train first_stage "$first" mobile_faces.yml "$@" ;;
esac
train second_stage "$second" mobile_wider.yml "$@"
train third_stage "$third" mobile_m1.yml "$@"
train fourth_stage "$fourth" mobile_mosaic.yml "$@"
train fifth_stage "$fifth" mobile_exposure.yml "$@"
python tools/convert_ckpt_to_pb.py --backbone mobile --model "$weight" --output "$output" --half
