"""The port's tests. Those of modules that compute in MindSpore run where it is installed."""

from importlib.util import find_spec

import pytest

_COMPUTE = (
    "test_checkpoints.py",
    "test_detector.py",
    "test_export.py",
    "test_network.py",
    "test_shards.py",
    "test_trainer.py",
    "test_training_graph.py",
)
collect_ignore = [] if find_spec("mindspore") else list(_COMPUTE)

if find_spec("mindspore"):
    # Before TensorFlow, which `networks` imports: both have protobuf messages of one name.
    from ssh_ms.checkpoints import write_checkpoint
    from ssh_ms.framework import set_up
    from ssh_ms_weights import parameters

    @pytest.fixture(autouse=True, scope="session")
    def _mode():
        set_up("pynative")

    @pytest.fixture(scope="session")
    def checkpoint(tmp_path_factory):
        """A MindSpore checkpoint with weights drawn from the variables' names."""
        path = tmp_path_factory.mktemp("checkpoint") / "ssh.ckpt"
        write_checkpoint(path, parameters())
        return path
