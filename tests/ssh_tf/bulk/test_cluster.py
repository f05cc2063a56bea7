"""Runs under Ray: on this machine, and on a cluster of two nodes of which one is killed."""

import os
import socket
import sys
import threading
import time
from collections import Counter

import pytest

from bulk_runs import detector, load, load_deadly, rows_of, write_pictures
from ssh_tf.bulk.cluster import Job, Share, connected, read_model, run_shards
from ssh_tf.bulk.inputs import find_units
from ssh_tf.bulk.output import Output
from ssh_tf.bulk.storage import root_and_name
from ssh_tf.utils.errors import CheckpointError, SSHError
from ssh_tf.utils.images import read_image

ONE = Share(1, 0.5)


def fail(path):
    raise CheckpointError(f"{path}: not a model")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that does what is missing of tmp_path/pictures in tmp_path/out; a picture takes `ms`."""
    # Ray's processes look for the detectors of these tests where Python looks for modules.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))

    def run(load=load, ms=0, address=None, share=ONE, shard=5):
        (tmp_path / "model").write_text(str(ms))
        inputs = str(tmp_path / "pictures")
        output = Output(*root_and_name(str(tmp_path / "out")))
        model = read_model(load, tmp_path / "model", [tmp_path / "model"])
        with connected(address, share) as workers:
            shards = output.begun({})
            if shards is None:
                shards = output.begin({}, find_units([inputs], workers, shard))
            job = Job(0.5, [root_and_name(inputs)[0]], output, None)
            return list(run_shards(model, job, output.missing(shards), workers, share))

    return run


def test_all_pictures_once_with_the_detectors_own_boxes(tmp_path, run):
    names = write_pictures(tmp_path / "pictures", 60)
    counts = run(share=Share(2, 0.5))
    assert sum(each.pictures for each in counts) == 60
    rows = rows_of(tmp_path / "out")
    assert [row["name"] for row in rows] == names
    for row in rows[::7]:
        assert row["boxes"] == detector()(read_image(row["name"]))[:, :4].tolist()


def test_a_picture_that_kills_its_process_costs_one_row(tmp_path, run):
    names = write_pictures(tmp_path / "pictures", 6)
    counts = run(load_deadly, share=ONE, shard=3)
    rows = rows_of(tmp_path / "out")
    assert [row["name"] for row in rows] == names
    assert [row["name"] for row in rows if row["error"]] == names[:1]
    assert sum(each.failed for each in counts) == 1


def test_pictures_of_a_node_that_dies_are_done_by_another(tmp_path, run):
    from ray.cluster_utils import Cluster

    names = write_pictures(tmp_path / "pictures", 120)
    store = 80 * 2**20
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": store})
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=store) for _ in range(2)]
        cluster.wait_for_nodes()
        out, killed = tmp_path / "out", []

        def kill():
            deadline = time.monotonic() + 120
            while len(list(out.glob("part-*"))) < 4 and time.monotonic() < deadline:
                time.sleep(0.02)
            killed.append(len(list(out.glob("part-*"))))
            cluster.remove_node(nodes[1], allow_graceful=False)

        killer = threading.Thread(target=kill)
        killer.start()
        counts = run(ms=50, address=cluster.address, share=Share(2, 1))
        killer.join()
    finally:
        cluster.shutdown()
    assert 4 <= killed[0] < len(counts), "the node was to die in the middle of the run"
    assert Counter(row["name"] for row in rows_of(out)) == Counter(names)
    assert not [row for row in rows_of(out) if row["error"]]


def test_what_goes_wrong_is_one_line(tmp_path, run):
    write_pictures(tmp_path / "pictures", 2)
    with pytest.raises(SSHError, match=r"^model: not a model$"):
        run(fail, share=ONE)
    with pytest.raises(SSHError, match=r"^1000 workers of 0\.5 CPUs each do not fit: there are"):
        run(share=Share(1000, 0.5))


def test_an_address_where_no_cluster_answers_is_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        pytest.raises(SSHError, match=rf"^127\.0\.0\.1:{port}: no Ray cluster answers: Connection refused$"),
        connected(f"127.0.0.1:{port}", Share()),
    ):
        pass


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "what answers there is no Ray cluster"),
        (b"", "what answers there is no Ray"),
    ],
)
def test_another_server_is_no_cluster(answer, reason):
    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SSHError, match=f"^{address}: {reason}"), connected(address, Share()):
            pass


@pytest.mark.parametrize("address", ["nonsense", ".:1", f"{'a' * 300}:1", "[::1]:1", ":1", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_one_line(address):
    with pytest.raises(SSHError, match="no Ray cluster"), connected(address, Share()):
        pass
