"""Frozen graphs on disk: what is read back, and what is refused before it is run."""

import numpy as np
import pytest

from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model.files.frozen_graphs import is_frozen, load_graph, save_graph, save_saved_model, with_half_weights
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.tf1 import tf


@pytest.fixture(scope="module")
def graph_def(frozen_model):
    return load_graph(frozen_model)


def toy(build=None):
    """A GraphDef with the names of a detection graph; `build(images)` adds to it and gives the scores."""
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, (1, None, None, 3), name="image_tensor")
        tf.placeholder(tf.float32, (3,), name="im_info")
        scores = tf.reduce_max(images, [1, 2])[:, :1] if build is None else build(images)
        tf.identity(scores, name="roi_scores")
        tf.constant([[0.0, 1, 2, 30, 40]], name="rois")
        return graph.as_graph_def()


def constants(graph_def):
    return {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in graph_def.node
        if node.op == "Const" and tf.as_dtype(node.attr["dtype"].type) == tf.float32
    }


def test_what_is_written_is_read(graph_def, tmp_path):
    save_graph(graph_def, tmp_path / "model.pb")
    assert load_graph(tmp_path / "model.pb") == graph_def


def test_saved_model_holds_the_graph_and_may_be_written_again(graph_def, tmp_path):
    for _ in range(2):
        save_saved_model(graph_def, tmp_path / "saved")
    assert {node.name for node in load_graph(tmp_path / "saved").node} == {node.name for node in graph_def.node}
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_saved_model_serves_elsewhere(graph_def, tmp_path):
    save_saved_model(graph_def, tmp_path / "saved")
    with tf.Graph().as_default(), tf.Session() as session:
        meta_graph = tf.saved_model.load(session, ["serve"], str(tmp_path / "saved"))
        signature = meta_graph.signature_def["serving_default"]
    assert {name: value.name for name, value in signature.inputs.items()} == {
        "image_tensor": "image_tensor:0",
        "im_info": "im_info:0",
    }
    assert set(signature.outputs) == {"rois", "roi_scores", "roi_branches"}


def test_saved_model_leaves_other_folders_alone(graph_def, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(CheckpointError, match="exists and is not a SavedModel"):
        save_saved_model(graph_def, tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("beside", ["saved_model.pb", ""])
def test_saved_model_replaces_nothing_but_another(graph_def, tmp_path, beside):
    """Also where somebody has kept something beside one."""
    (tmp_path / (beside or "assets")).touch()
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(CheckpointError, match=r"another folder$"):
        save_saved_model(graph_def, tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="file: exists and is not a SavedModel"):
        save_saved_model(graph_def, tmp_path / "file")


def test_half_weights_are_single_again_when_read(graph_def, tmp_path):
    save_graph(graph_def, tmp_path / "single.pb")
    save_graph(with_half_weights(graph_def), tmp_path / "half.pb")
    assert (tmp_path / "half.pb").stat().st_size < 0.6 * (tmp_path / "single.pb").stat().st_size
    restored = load_graph(tmp_path / "half.pb")
    assert {node.op for node in restored.node} == {node.op for node in graph_def.node}
    wanted, found = constants(graph_def), constants(restored)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=2**-11, atol=2**-24)
        if value.size < 4096:
            np.testing.assert_array_equal(found[name], value)


def test_half_leaves_alone_what_it_cannot_hold():
    with tf.Graph().as_default() as graph:
        tf.constant(np.linspace(-1e6, 1e6, 5000, dtype=np.float32), name="large")
    assert with_half_weights(graph.as_graph_def()) == graph.as_graph_def()


def reads_a_file(images):
    return tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32) + images[:, 0, 0, :1]


def writes_a_file(images):
    with tf.control_dependencies([tf.io.write_file("/tmp/never", "text")]):
        return tf.identity(images[:, 0, 0, :1])


def runs_python(images):
    return tf.py_func(lambda values: values, [images[:, 0, 0, :1]], tf.float32)


def prints_from_within_a_function(images):
    @tf.function
    def inner(values):
        tf.print("to a file", output_stream="file:///tmp/never")
        return values

    return inner(images[:, 0, 0, :1])


def holds_a_variable(images):
    return tf.get_variable("weights", (1,), use_resource=True) * images[:, 0, 0, :1]


@pytest.mark.parametrize(
    ("build", "operation"),
    [
        (reads_a_file, "ReadFile"),
        (writes_a_file, "WriteFile"),
        (runs_python, "PyFunc"),
        (prints_from_within_a_function, "PrintV2"),
    ],
)
@pytest.mark.parametrize("form", ["pb", "saved_model"])
def test_operations_beyond_mathematics_are_refused(tmp_path, build, operation, form):
    graph_def = toy(build)
    if form == "pb":
        path = tmp_path / "model.pb"
        save_graph(graph_def, path)
    else:
        path = tmp_path / "saved"
        path.mkdir()
        _write_saved_model(graph_def, path)
    with pytest.raises(CheckpointError, match=f"refused.*{operation}"):
        load_graph(path)


def test_variables_are_refused(tmp_path):
    save_graph(toy(holds_a_variable), tmp_path / "model.pb")
    with pytest.raises(CheckpointError, match="not a frozen graph: its weights are variables"):
        load_graph(tmp_path / "model.pb")


def _write_saved_model(graph_def, folder):
    from ssh_tf.utils.tf1 import saved_model_pb2

    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta_graph = saved.meta_graphs.add()
    meta_graph.meta_info_def.tags.append("serve")
    meta_graph.graph_def.CopyFrom(graph_def)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


def test_mathematics_of_others_is_allowed_also_in_functions_and_loops(tmp_path):
    @tf.function
    def doubled(values):
        return tf.while_loop(lambda i, _: i < 1, lambda i, v: (i + 1, 2 * v), (0, values))[1]

    save_graph(toy(lambda images: doubled(images[:, 0, 0, :1])), tmp_path / "model.pb")
    runner = GraphRunner(load_graph(tmp_path / "model.pb"), ProposalOptions(), "fp32")
    found = runner(np.full((2, 16, 20, 3), 0.25, np.float32), 1.0)
    assert [proposals.scores.tolist() for proposals in found] == [[0.5], [0.5]]
    assert found[0].boxes.tolist() == [[1, 2, 30, 40]]
    assert found[0].branches is None


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "it has no image_tensor"), (b"\x00" * 64, "damaged"), (b"no graph at all, not even nearly", "damaged")],
)
def test_corrupt_files(tmp_path, content, words):
    path = tmp_path / "model.pb"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as refused:
        load_graph(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_cut_off_file(frozen_model, tmp_path):
    (tmp_path / "cut.pb").write_bytes(frozen_model.read_bytes()[:-5000])
    with pytest.raises(CheckpointError):
        load_graph(tmp_path / "cut.pb")


def test_missing_files(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.pb: no such file"):
        load_graph(tmp_path / "none.pb")
    with pytest.raises(CheckpointError, match="not a SavedModel"):
        load_graph(tmp_path)


def test_graph_of_another_kind(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="image_tensor")
    save_graph(graph.as_graph_def(), tmp_path / "other.pb")
    with pytest.raises(CheckpointError, match="not a frozen SSH graph: it has no im_info"):
        load_graph(tmp_path / "other.pb")


def test_devices_of_another_machine_are_forgotten(tmp_path):
    graph_def = toy()
    graph_def.node[-1].device = "/job:worker/task:7/device:GPU:3"
    save_graph(graph_def, tmp_path / "model.pb")
    assert {node.device for node in load_graph(tmp_path / "model.pb").node} == {""}


def test_graph_that_does_not_hang_together():
    graph_def = toy()
    next(node for node in graph_def.node if node.name == "roi_scores").input[0] = "nowhere"
    with pytest.raises(CheckpointError, match=r"the graph cannot be used: .*nowhere"):
        GraphRunner(graph_def, ProposalOptions(), "fp32")


def test_graph_that_fails_when_run():
    runner = GraphRunner(toy(lambda images: tf.reshape(images, (1, 1))), ProposalOptions(), "fp32")
    with pytest.raises(CheckpointError, match=r"the graph fails on 20x16 pixels: .*960 values.*shape") as refused:
        runner(np.zeros((1, 16, 20, 3), np.float32), 1.0)
    assert "\n" not in str(refused.value)


def test_graph_with_results_of_another_shape():
    runner = GraphRunner(toy(lambda images: tf.reshape(images, (-1, 1))), ProposalOptions(), "fp32")
    with pytest.raises(CheckpointError, match=r"rois \[1, 5\] and roi_scores \[960, 1\], expected \[R, 5\]"):
        runner(np.zeros((1, 16, 20, 3), np.float32), 1.0)


def test_what_counts_as_frozen(checkpoint, frozen_model, graph_def, tmp_path):
    save_saved_model(graph_def, tmp_path / "saved")
    assert is_frozen(frozen_model)
    assert is_frozen(tmp_path / "saved")
    assert is_frozen("model.ONNX")
    assert not is_frozen(checkpoint)
    assert not is_frozen(tmp_path)


def calling(*bodies):
    """A graph that calls the first of some functions "f0", "f1", …; each calls those of its list."""
    graph = toy()
    for number, body in enumerate(bodies):
        function = graph.library.function.add()
        function.signature.name = f"f{number}"
        for place, callee in enumerate(body):
            call(function.node_def.add(), f"call{place}", callee)
    call(graph.node.add(), "call", "f0" if bodies else "WriteFile")
    return graph


def call(node, name, callee):
    node.name, node.op = name, "PartitionedCall"
    node.attr["f"].func.name = callee


CALLS = {
    "itself": (calling(["f0"]), "'f0' calls itself"),
    "each other": (calling(["f1"], ["f0"]), "calls itself"),
    "nothing": (calling(["nowhere"]), "'nowhere', which is none"),
    "a primitive": (calling(), "'WriteFile', which is none"),
    "a primitive from within": (calling(["ReadFile"]), "'ReadFile', which is none"),
    "too deep": (calling(*([f"f{at + 1}"] for at in range(200)), []), "nested more than 50 deep"),
    "too often": (calling(*([f"f{at + 1}"] * 2 for at in range(40)), []), "more than 1,000,000 operations"),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_are_checked_before_anything_runs(tmp_path, case):
    graph, words = CALLS[case]
    save_graph(graph, tmp_path / "graph.pb")
    with pytest.raises(CheckpointError, match=rf"graph\.pb: .*{words}"):
        load_graph(tmp_path / "graph.pb")


def test_a_function_with_the_name_of_an_operation_is_refused(tmp_path):
    graph = toy()
    graph.library.function.add().signature.name = "Add"
    save_graph(graph, tmp_path / "graph.pb")
    with pytest.raises(CheckpointError, match="name of an operation, Add"):
        load_graph(tmp_path / "graph.pb")


@pytest.mark.parametrize("type_name", ["float32", "float16"])
@pytest.mark.parametrize(
    ("sides", "words"), [([2**34], "bytes of constants"), ([-5], "has no size"), ([2**40, 2**40], "bytes of constants")]
)
def test_constants_beyond_memory_are_refused(tmp_path, sides, words, type_name):
    graph = toy()
    node = graph.node.add(name="large", op="Const")
    tensor = node.attr["value"].tensor
    tensor.dtype = node.attr["dtype"].type = tf.as_dtype(type_name).as_datatype_enum
    for side in sides:
        tensor.tensor_shape.dim.add(size=side)
    tensor.half_val.append(1)
    graph.node.add(name="cast", op="Cast", input=["large"]).attr["DstT"].type = tf.float32.as_datatype_enum
    save_graph(graph, tmp_path / "graph.pb")
    with pytest.raises(CheckpointError, match=rf"graph\.pb: .*{words}"):
        load_graph(tmp_path / "graph.pb")


def test_unknown_types_are_refused(tmp_path):
    graph = toy()
    node = graph.node.add(name="odd", op="Const")
    node.attr["value"].tensor.dtype = node.attr["dtype"].type = 99
    save_graph(graph, tmp_path / "graph.pb")
    with pytest.raises(CheckpointError, match=r"graph\.pb: not a frozen graph, or a damaged one"):
        load_graph(tmp_path / "graph.pb")
