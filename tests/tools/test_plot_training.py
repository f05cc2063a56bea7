"""The tool that plots a training."""

import pytest

from ssh_tf.utils.errors import DataError
from ssh_tools.plot_training import main

LINE = "iter {0}/9  total 2.4  M1 0.3{0}+0.05  M2 0.08{0}+0.01  M3 0.08+0.01  decay 0.6  lr 0.003  2.29 images/s\n"


def test_plots_lie_beside_the_log_or_where_one_says(tmp_path, capsys):
    log = tmp_path / "train.log"
    log.write_text("".join(LINE.format(at) for at in range(1, 9)))
    assert main([str(log)]) == 0
    assert main([str(log), "--output", str(tmp_path / "plots" / "mine"), "--title", "mine"]) == 0
    paths = [tmp_path / f"{stem}.{suffix}" for stem in ("train", "plots/mine") for suffix in ("png", "pdf")]
    assert all(path.stat().st_size > 1000 for path in paths)
    assert capsys.readouterr().out.split("\n")[:2] == [f"{paths[0]}, {paths[1]}", f"{paths[2]}, {paths[3]}"]


def test_a_file_without_losses_is_named(tmp_path):
    (tmp_path / "empty.log").touch()
    with pytest.raises(DataError, match=r"empty\.log: holds no losses"):
        main([str(tmp_path / "empty.log")])
