"""A folder belongs to one run at a time."""

import os
import subprocess
import sys

import pytest

from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.locks import claimed

HOLD = "import sys; from pathlib import Path; from ssh_tf.utils.locks import claimed\n"
HOLD += "with claimed(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_one_at_a_time_and_again_afterwards(tmp_path):
    folder = tmp_path / "made"
    for _ in range(2):
        with claimed(folder):
            with pytest.raises(SSHError, match=rf"made: another run writes here \(process {os.getpid()} on "):
                claimed(folder).__enter__()
            assert [path.name for path in folder.iterdir()] == [".lock"]
        assert not list(folder.iterdir())


def test_a_killed_run_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SSHError, match=f"process {other.pid} on "):
            claimed(tmp_path).__enter__()
        other.kill()
    with claimed(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with claimed(tmp_path):
        assert (tmp_path / ".lock").exists()
