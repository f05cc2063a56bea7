"""Which devices a training takes, and what it says of them."""

import socket

import pytest

from ssh_tf.model.training.devices import Cluster, Devices, choose_devices, parse_cluster
from ssh_tf.model.training.workers import lost_workers
from ssh_tf.utils.errors import ConfigError, SSHError
from ssh_tf.utils.tf1 import tf

TWO = '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'


def test_clusters():
    assert parse_cluster(TWO) == Cluster(("a:1", "b:2"), 1)
    assert parse_cluster(None) is None
    assert parse_cluster("") is None
    assert parse_cluster(TWO.replace('["a:1", "b:2"]', '["a:1"]').replace("1}", "0}")) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": 5}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": {"0": "a:1", "1": "b:2"}}, "task": {"type": "worker", "index": 0}}',
        TWO.replace('"b:2"', "2222"),
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        TWO.replace("1}", "2}"),
        TWO.replace("1}", "-1}"),
        TWO.replace("1}", '"x"}'),
        TWO.replace('"type": "worker"', '"type": "ps"'),
        TWO.replace('{"worker":', '{"ps": ["c:1"], "worker":'),
    ],
)
def test_clusters_that_cannot_be(text):
    with pytest.raises(ConfigError, match=r"^TF_CONFIG cannot be used .* it looks like \{\"cluster\""):
        parse_cluster(text)


def test_one_device():
    devices = choose_devices("fp32", environment={})
    assert (devices.local_replicas, devices.workers, devices.is_chief, str(devices)) == (1, 1, True, "1 device")


def test_the_processor_as_several():
    devices = choose_devices("fp32", 3, {})
    assert (devices.local_replicas, str(devices)) == (3, "3 devices")
    assert devices.session_config.device_count["CPU"] == 3


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^worker 1 cannot listen at localhost:{port} .* is the port taken"):
            choose_devices("fp32", environment={"TF_CONFIG": TWO.replace("b:2", f"localhost:{port}")})


def test_a_lost_worker():
    devices = Devices(tf.distribute.get_strategy(), "", None, 0, 2, ("a:1", "b:2"))
    with (
        pytest.raises(SSHError, match=r"^another worker \(b:2\) has stopped or cannot be reached; begin again$"),
        lost_workers(devices, "begin again"),
    ):
        raise tf.errors.UnavailableError(None, None, "Socket closed")
    with pytest.raises(tf.errors.UnavailableError), lost_workers(choose_devices("fp32", environment={}), ""):
        raise tf.errors.UnavailableError(None, None, "another matter")
