"""The script that makes the model card's table and pictures: what it runs, and where the pictures go."""

import pytest

from script_runs import make_checkout, run_script

# In the place of Python: says what it was given, and leaves what the tools would.
STAND_IN = """#!/bin/bash
echo "$*"
mkdir -p output/model_card
case $1 in
    tools/demo.py) touch output/model_card/portrait.jpg ;;
    tools/plot_training.py) touch "$4.png" ;;
    tools/compare.py) touch output/model_card/precision_recall.png ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A tree with the script, the stand-in, and the logs of two networks."""
    for name in ("data/models/mobile_ssh.pb", "experiments/logs/mobile_faces.log", "experiments/logs/vgg16_faces.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return make_checkout(tmp_path, "model_card.sh", STAND_IN)


def run(checkout, *arguments):
    return run_script(checkout, "model_card.sh", *arguments)


def test_the_model_and_its_logs(checkout):
    done = run(checkout, "faces", "--limit", "3")
    assert done.returncode == 0, done.stderr
    demo, plot, compare, _ = done.stdout.splitlines()
    assert demo == "tools/demo.py --output output/model_card"
    assert plot == "tools/plot_training.py experiments/logs/mobile_faces.log --output output/model_card/mobile_faces"
    assert compare.startswith("tools/compare.py --data faces --limit 74 --precision fp32 --views fast accurate ")
    assert compare.endswith(" --limit 3")
    assert (checkout / "experiments/logs/mobile_faces.png").is_file()
    pictures = {path.name for path in (checkout / "data" / "models" / "pictures").iterdir()}
    assert pictures == {"portrait.jpg", "training_mobile_faces.png", "precision_recall.png"}


def test_without_data_it_says_how_it_is_called(checkout):
    done = run(checkout)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "model_card.sh DATA" in done.stderr
