"""TensorFlow is imported when it is used, and as quietly as the log level asks for."""

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


def test_chatter_is_dropped_and_nothing_else(capfdbinary):
    with tf1._without_chatter():
        os.write(2, CHATTER + OTHERS)
    os.write(2, CHATTER)
    assert capfdbinary.readouterr().err == OTHERS + CHATTER


@pytest.mark.parametrize(("level", "quiet"), [(None, False), ("0", False), ("1", False), ("2", True), ("3", True)])
def test_the_import_is_quiet_for_whom_the_log_level_is(monkeypatch, level, quiet):
    imported_quietly = []
    monkeypatch.setattr(tf1, "_import_quietly", lambda: imported_quietly.append(True))
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    assert tf1.tf.float32.name == "float32"
    assert bool(imported_quietly) == quiet


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


def test_who_uses_a_tool_sees_no_chatter_at_all():
    program = (
        "import sys\n"
        "from ssh_tf.utils.quiet import quiet_libraries\n"
        "from ssh_tf.utils.tf1 import tf\n"
        "quiet_libraries()\n"
        "print('tensorflow' in sys.modules)\n"
        "with tf.Graph().as_default(), tf.Session() as session:\n"
        "    print(session.run(tf.reduce_sum(tf.ones(3))))\n"
        "print('run', file=sys.stderr)\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n3.0\n"
    assert done.stderr == "run\n"
