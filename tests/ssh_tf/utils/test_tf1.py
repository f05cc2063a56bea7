"""The one import of TensorFlow."""

import os
import subprocess
import sys

import pytest

from ssh_tf.utils import tf1

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795291942.829622    5829 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795291946.914316    5829 cuda_platform.cc:52] failed call to cuInit\n"
)
OTHERS = b"Illegal instruction\nF0000 00:00:1795291946.914316    5829 x.cc:1] fatal\n"


def write(content):
    with tf1._without_chatter():
        os.write(2, content)


def test_chatter_is_dropped_and_nothing_else(capfdbinary, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    write(CHATTER + OTHERS)
    os.write(2, CHATTER)
    assert capfdbinary.readouterr().err == OTHERS + CHATTER


@pytest.mark.parametrize("level", ["0", "1"])
def test_whoever_asks_for_messages_gets_them(capfdbinary, monkeypatch, level):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    write(CHATTER)
    assert capfdbinary.readouterr().err == CHATTER


def test_an_error_comes_through_with_what_was_said_before(capfdbinary):
    def failing_import():
        with tf1._without_chatter():
            os.write(2, OTHERS)
            raise ImportError

    with pytest.raises(ImportError):
        failing_import()
    assert capfdbinary.readouterr().err == OTHERS


def test_closed_standard_error_is_no_obstacle(monkeypatch):
    def closed(_):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", closed)
    with tf1._without_chatter():
        pass


def test_a_user_sees_no_chatter_at_all():
    program = (
        "import sys\n"
        "from ssh_tf.utils.tf1 import tf\n"
        "print('imported', file=sys.stderr)\n"
        "print(tf.Session().run(tf.reduce_sum(tf.ones(3))))\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "3.0\n"
    assert done.stderr == "imported\n"
