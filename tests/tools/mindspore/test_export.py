"""The export tool; what it writes is tested with the library."""

import pytest

from ssh_ms.checkpoints import write_checkpoint
from ssh_ms.framework import set_up
from ssh_ms_weights import parameters
from ssh_tf.utils.errors import CheckpointError
from ssh_tools.mindspore.export import main


@pytest.fixture(autouse=True)
def _back_to_pynative():
    yield
    set_up("pynative")


def test_a_file_is_written_and_checked(tmp_path, capsys):
    write_checkpoint(tmp_path / "ssh.ckpt", parameters())
    target = tmp_path / "ssh.onnx"
    assert main(["--infile", str(tmp_path / "ssh.ckpt"), "--outfile", str(target)]) == 0
    assert target.stat().st_size > 70e6
    assert "equals the network within" in capsys.readouterr().out


def test_a_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        main(["--infile", str(tmp_path / "none.ckpt"), "--outfile", str(tmp_path / "a.onnx")])
