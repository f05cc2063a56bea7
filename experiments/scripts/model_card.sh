#!/bin/bash
# Make the tables and pictures of data/models/README.md: ./experiments/scripts/model_card.sh DATA [options of tools/compare.py]
#
#   DATA  a folder in the training format; 74 images of its val.txt, spread evenly, are compared on
#
# Needs the classic detectors: .venv/bin/pip install -e '.[compare]'

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ $# -lt 1 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
data=$1
shift

pictures=data/models/pictures
mkdir -p "$pictures"

.venv/bin/python tools/demo.py --output output/model_card
cp output/model_card/*.jpg "$pictures/"

for log in experiments/logs/mobile*_faces.log; do
    name=$(basename "$log" .log)
    .venv/bin/python tools/plot_training.py "$log" --output "output/model_card/$name"
    cp "output/model_card/$name.png" experiments/logs/
    cp "output/model_card/$name.png" "$pictures/training_$name.png"
done

.venv/bin/python tools/compare.py --data "$data" --limit 74 --precision fp32 --views fast accurate \
    --json data/models/comparison.json --markdown output/model_card/comparison.md \
    --plot output/model_card/precision_recall "$@"
cp output/model_card/precision_recall.png "$pictures/"
echo "The table for data/models/README.md: output/model_card/comparison.md"
