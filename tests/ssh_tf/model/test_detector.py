"""The detector: scales, pyramid, mirroring and merging by literal cases; the same faces from every kind of model."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from networks import SMALL
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector, model_file
from ssh_tf.model.files.agreement import compare_proposals
from ssh_tf.model.files.frozen_graphs import load_graph, save_graph, save_saved_model
from ssh_tf.model.inference.graph_runner import ImageProposals
from ssh_tf.utils.errors import CheckpointError, ConfigError, ImageError, SSHError
from ssh_tf.utils.images import write_image

ALL_SCORES = ["TEST.SCORE_THRESH", "0.0"]


class FakeRunner:
    """Gives the same proposals for every image, shifted by the mean of its first column; notes what it was asked."""

    def __init__(self, boxes, scores, branches):
        self.proposals = ImageProposals(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            None if branches is None else np.array(branches, np.int32),
        )
        self.asked = []

    def __call__(self, images, scale):
        self.asked.append((images.shape, round(scale, 6)))
        return [self.proposals for _ in images]

    def close(self):
        pass


def detector(boxes=(), scores=(), branches=(), overrides=()):
    return FaceDetector(FakeRunner(boxes, scores, branches), load_config(None, overrides))


def picture(height, width):
    return np.zeros((height, width, 3), np.uint8)


def asked_sizes(found):
    return [shape[:3] for shape, _ in found.runner.asked]


def test_boxes_come_back_in_pixels_of_the_image():
    found = detector([[20, 40, 60, 80]], [0.9], [0])(picture(600, 800))
    np.testing.assert_allclose(found, [[10, 20, 30, 40, 0.9]])
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("size", "network", "scale"),
    [((600, 800), (1200, 1600), 2.0), ((1000, 500), (1600, 800), 1.6), ((2400, 2400), (1200, 1200), 0.5)],
)
def test_single_scale(size, network, scale):
    asked = detector()
    asked(picture(*size))
    assert asked.runner.asked == [((1, *network, 3), scale)]


def test_only_scores_above_the_threshold_count_best_first():
    boxes = [[0, 0, 20, 20], [100, 0, 120, 20], [200, 0, 220, 20]]
    asked = detector(boxes, [0.3, 0.5, 0.8], [0, 0, 1])
    assert asked(picture(1200, 1600))[:, 4].tolist() == pytest.approx([0.8])
    assert asked(picture(1200, 1600), 0.29)[:, 4].tolist() == pytest.approx([0.8, 0.5, 0.3])


def test_suppression_is_over_all_branches_and_counts_the_last_pixel():
    # 10 x 10 and 10 x 13 of which 6 x 10 are shared: 60 / 170 = 0.353 with the last pixel, 45 / 144 = 0.31 without.
    boxes = [[0, 0, 9, 9], [4, 0, 13, 12]]
    asked = detector(boxes, [0.9, 0.8], [0, 1], ["TEST.NMS", "0.33"])
    assert len(asked(picture(1200, 1600))) == 1
    asked.config.TEST.NMS = 0.36
    assert len(asked(picture(1200, 1600))) == 2


def test_pyramid_runs_at_multiples_of_its_base_and_drops_m3_of_the_largest():
    boxes = [[0, 0, 60, 60], [300, 300, 700, 700]]
    asked = detector(boxes, [0.9, 0.8], [0, 2], ["TEST.SCALES", "[500, 800, 1600]", "TEST.NMS", "1.0"])
    found = asked(picture(400, 500))
    # The base brings 400 to 800, and 500 to 1000, which is not over 1200.
    assert asked.runner.asked == [((1, 500, 625, 3), 1.25), ((1, 800, 1000, 3), 2.0), ((1, 1600, 2000, 3), 4.0)]
    assert sorted(found[:, 2]) == pytest.approx([15, 30, 48, 350, 560])


def test_pyramid_of_a_long_image_is_bounded_at_its_base():
    asked = detector((), (), (), ["TEST.SCALES", "[800, 1600]"])
    asked(picture(500, 1000))
    assert asked_sizes(asked) == [(1, 600, 1200), (1, 1200, 2400)]


def test_pyramid_without_branches_keeps_everything():
    asked = detector([[0, 0, 60, 60]], [0.9], None, ["TEST.SCALES", "[800, 1600]", "TEST.NMS", "1.0"])
    assert len(asked(picture(400, 500))) == 2


def test_single_scale_keeps_m3():
    assert len(detector([[0, 0, 300, 300]], [0.9], [2])(picture(400, 500))) == 1


def close_up(size, *overrides):
    settings = ["TEST.SCALES", "[400]", "TEST.MAX_SIZE", "800", "TEST.CLOSE_UP", "100", "TEST.NMS", "1.0"]
    asked = detector([[0, 0, 20, 20], [0, 0, 90, 90]], [0.9, 0.8], [0, 2], [*settings, *overrides])
    return asked, asked(picture(*size))


def test_a_close_up_is_a_second_scale_that_m3_is_left_to():
    asked, found = close_up((200, 300))
    assert asked.runner.asked == [((1, 100, 150, 3), 0.5), ((1, 400, 600, 3), 2.0)]
    # M1's of the larger, M3's of the smaller.
    assert sorted(found[:, 2].tolist()) == [10, 180]


def test_a_close_up_is_as_much_smaller_in_a_long_image():
    assert asked_sizes(close_up((200, 800))[0]) == [(1, 50, 200), (1, 200, 800)]


@pytest.mark.parametrize("overrides", [["TEST.CLOSE_UP", "0"], ["TEST.CLOSE_UP", "400"], ["TEST.CLOSE_UP", "500"]])
def test_a_close_up_that_is_none(overrides):
    asked, found = close_up((200, 300), *overrides)
    assert asked_sizes(asked) == [(1, 400, 600)]
    assert len(found) == 2


def test_no_close_up_of_an_image_that_is_too_narrow_for_it():
    assert asked_sizes(close_up((40, 800))[0]) == [(1, 40, 800)]


def test_mirrored_boxes_are_turned_back():
    asked = detector([[20, 40, 60, 80]], [0.9], [0], ["TEST.FLIP", "True", "TEST.NMS", "1.0"])
    found = asked(picture(1200, 1600))
    assert asked.runner.asked == [((2, 1200, 1600, 3), 1.0)]
    assert sorted(found[:, :4].tolist()) == [[20, 40, 60, 80], [1599 - 60, 40, 1599 - 20, 80]]


def test_neighbours_of_equal_size_share_a_run():
    asked = detector([[0, 0, 60, 60]], [0.9], [0], ["TEST.SCALES", "[40]", "TEST.MAX_SIZE", "60"])
    images = [picture(40, 50), picture(40, 50), picture(20, 25), picture(50, 40), picture(50, 40)]
    found = asked.detect_batch(images)
    assert asked_sizes(asked) == [(2, 40, 50), (1, 40, 50), (2, 50, 40)]
    assert [rows[0, 2] for rows in found] == pytest.approx([60, 60, 30, 60, 60])


def test_no_images():
    assert detector().detect_batch([]) == []


@pytest.mark.parametrize("size", [(20, 20000), (3000, 3)])
def test_too_narrow_for_the_network(size):
    with pytest.raises(ImageError, match=r"too narrow.*needs 16"):
        detector()(picture(*size))


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 4), (0, 20, 3), (2, 20, 20, 3)])
def test_not_a_picture(shape):
    with pytest.raises(ImageError, match="expected a picture"):
        detector()(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("kind", [np.float32, np.uint16, bool])
def test_not_a_picture_of_bytes(kind):
    with pytest.raises(ImageError, match=f"uint8, 0 to 255, got an array of {np.dtype(kind)}"):
        detector()(np.zeros((20, 20, 3), kind))


def test_a_result_is_the_rows_and_the_picture():
    asked = detector([[20, 40, 60, 80]], [0.9], [0])
    image = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    result = asked.detect(image)
    np.testing.assert_array_equal(result.rows, asked(image))
    np.testing.assert_array_equal(result.image, image)
    np.testing.assert_array_equal(asked.detect(image[:, :, ::-1], rgb=True).image, image)
    assert len(asked.detect(image, 0.95)) == 0


def test_pictures_as_files(tmp_path):
    write_image(tmp_path / "a.png", picture(600, 800))
    asked = detector([[20, 40, 60, 80]], [0.9], [0])
    np.testing.assert_array_equal(asked(tmp_path / "a.png"), asked(picture(600, 800)))
    with pytest.raises(ImageError, match=r"b\.png: no such file"):
        asked(str(tmp_path / "b.png"))


def test_the_end_of_a_block_closes_the_network():
    closed = []
    asked = detector()
    asked.runner.close = lambda: closed.append(True)
    with asked as inside:
        assert inside is asked
        assert not closed
    assert closed == [True]


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        ("fast", [(480, 640)]),
        ("balanced", [(300, 400), (800, 1067)]),
        ("accurate", [(300, 400), (1200, 1600)]),
        (640, [(300, 400), (640, 853)]),
        ("320", [(320, 427)]),
        ("pyramid", [(500, 667), (800, 1067), (1200, 1600), (1600, 2133)]),
    ],
)
def test_sizes_by_name_and_number(size, shapes):
    asked = FaceDetector(FakeRunner([], [], []), size=size)
    asked(picture(600, 800))
    assert [shape[1:] for shape in asked_sizes(asked)] == shapes


@pytest.mark.parametrize(
    ("size", "words"),
    [("huge", "'huge' is no size: fast, balanced"), (3, "between 16 and"), (-480, "is no size"), ([480], "is no size")],
)
def test_sizes_that_are_none(size, words):
    with pytest.raises(ConfigError, match=words):
        FaceDetector(FakeRunner([], [], []), size=size)


def test_a_size_beside_a_configuration():
    with pytest.raises(ConfigError, match="a size or a configuration, not both"):
        FaceDetector(FakeRunner([], [], []), load_config(), size="fast")


class Tensor:
    def numpy(self):
        return np.zeros((40, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (None, r"got None \(what cv2.imread gives"),
        ([[0]], "got a list"),
        (3, "got an int"),
        (Tensor(), r"got a Tensor: give its \.numpy\(\)"),
        ("none.jpg", "none.jpg: no such file"),
        (np.zeros((40, 40, 3)), "of float64"),
        (np.full((40, 40, 3), np.nan, np.float32), "of float32"),
        (np.zeros((40, 40, 3), np.uint16), "of uint16"),
        (np.zeros((40, 40, 3), bool), "of bool"),
        (np.zeros((40, 40, 3), np.int8), "of int8"),
        (np.zeros((0, 40, 3), np.uint8), "shape"),
        (np.zeros((), np.uint8), "shape"),
    ],
)
@pytest.mark.parametrize("ask", ["__call__", "detect", "detect_batch"])
def test_what_is_no_picture_is_a_typed_error(image, words, ask):
    with pytest.raises(ImageError, match=words):
        getattr(detector(), ask)([image] if ask == "detect_batch" else image)


@pytest.mark.parametrize("images", [None, "a.jpg", 3])
def test_what_are_no_pictures(images):
    with pytest.raises(ImageError, match="expected several pictures"):
        detector().detect_batch(images)


@pytest.mark.parametrize("threshold", [np.nan, 2, -1, 1.0001, None, True, "0.5", [0.5], np.inf])
def test_thresholds_that_are_none(threshold):
    for ask in (lambda: detector()(picture(40, 40), threshold), lambda: detector().detect_batch([], threshold)):
        with pytest.raises(ConfigError, match="threshold is a number from 0 to 1"):
            ask()


@pytest.mark.parametrize("threshold", [0, 1, 0.5, np.float32(0.5), np.float64(0)])
def test_thresholds(threshold):
    assert detector()(picture(40, 40), threshold).shape == (0, 5)


def test_a_threshold_below_what_the_network_gives_is_refused(from_checkpoint, images):
    with pytest.raises(ConfigError, match=r"threshold 0.049 is below TEST.SCORE_THRESH, 0.05"):
        from_checkpoint(images[0], 0.049)
    assert (from_checkpoint(images[0], 0.05)[:, 4] > 0.05).all()


def test_a_closed_detector_says_so():
    asked = detector()
    with asked:
        asked(picture(40, 40))
    asked.close()
    for ask in (asked, asked.prepare, asked.detect):
        with pytest.raises(SSHError, match="closed"):
            ask(picture(40, 40))
    with pytest.raises(SSHError, match="closed"):
        asked.detect_batch([])


@pytest.mark.parametrize(
    "wrong", [{"precision": "x"}, {"precision": 5}, {"model": 5}, {"model": b"a.onnx"}, {"model": ""}]
)
def test_models_and_precisions_that_are_none(wrong):
    with pytest.raises(ConfigError, match=r"precision is one of auto, .*, got|expected the name of a model, .* got"):
        FaceDetector(**wrong)


def test_unknown_backbone(checkpoint):
    with pytest.raises(ConfigError, match="no backbone is called 'alexnet'; there are vgg16, "):
        FaceDetector.from_checkpoint(checkpoint, "alexnet")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_to_be_spawned(from_checkpoint, checkpoint, config, images):
    from_checkpoint(images[0])
    asks = [
        lambda: from_checkpoint(images[0]),
        lambda: from_checkpoint.prepare(images[0]),
        lambda: FaceDetector.from_checkpoint(checkpoint, config=config),
    ]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for ask in asks:
            try:
                ask()
                os.write(writing, b"no error\n")
            except SSHError as error:
                os.write(writing, f"{error}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    os.waitpid(child, 0)
    assert len(lines) == len(asks)
    assert all("get_context('spawn')" in line for line in lines)
    # The parent goes on.
    assert from_checkpoint(images[0]).shape[1] == 5


def test_pickled_by_what_it_was_made_from(from_checkpoint, from_frozen, images):
    for found in (from_checkpoint, from_frozen):
        again = pickle.loads(pickle.dumps(found))
        np.testing.assert_allclose(again(images[0]), found(images[0]), atol=1e-5)
    with pytest.raises(SSHError, match="make it of the model's path"):
        pickle.dumps(detector())


@pytest.mark.parametrize("make", [FaceDetector.from_checkpoint, FaceDetector.from_file])
def test_a_checkpoints_detector_is_pickled_by_its_path(opened, make, config):
    pickle.loads(pickle.dumps(make("some/checkpoint", "tiny", config, "bf16")))
    assert opened == [("some/checkpoint", "tiny", config, "bf16")] * 2


def test_a_batch_goes_through_in_parts_of_bounded_size():
    asked = detector((), (), (), ["TEST.SCALES", "[1000]", "TEST.MAX_SIZE", "1000"])
    made = []

    def images():
        for number in range(20):
            made.append(number)
            # What has been asked for is a part ahead of what has been through the network, at most.
            assert number - sum(shape[0] for shape, _ in asked.runner.asked) <= 8
            yield picture(100, 100)

    assert len(asked.detect_batch(images())) == 20
    assert [shape[0] for shape, _ in asked.runner.asked] == [8, 8, 4]


@pytest.fixture(scope="module")
def config():
    return load_config(None, SMALL)


@pytest.fixture(scope="module")
def from_checkpoint(checkpoint, config):
    return FaceDetector.from_checkpoint(checkpoint, config=config, precision="fp32")


@pytest.fixture(scope="module")
def from_frozen(frozen_model, config):
    return FaceDetector(frozen_model, config, "fp32")


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(3).integers(0, 256, (3, 90, 120, 3), np.uint8))


def assert_close(found, wanted, pixels=0.01, score=1e-4, share=0.98):
    agreement = compare_proposals(wanted[:, :4], wanted[:, 4], found[:, :4], found[:, 4])
    assert agreement.wanted > 20
    assert agreement.paired >= share * max(agreement.wanted, agreement.found), str(agreement)
    assert agreement.pixels < pixels, str(agreement)
    assert agreement.score < score, str(agreement)


def test_frozen_finds_what_the_checkpoint_finds(from_checkpoint, from_frozen, frozen_model, config, images, tmp_path):
    save_saved_model(load_graph(frozen_model), tmp_path / "saved")
    saved = FaceDetector.from_file(tmp_path / "saved", config=config, precision="fp32")
    for image in images:
        for frozen in (from_frozen, saved):
            np.testing.assert_allclose(frozen(image), from_checkpoint(image), atol=1e-5)


def test_frozen_follows_the_configuration_of_the_day(frozen_model, from_checkpoint, checkpoint, images):
    config = load_config(None, [*SMALL, "TEST.MODE", "top", "TEST.RPN_TOP_N", "7", "TEST.NMS", "1.0", *ALL_SCORES])
    frozen = FaceDetector.from_frozen(frozen_model, config, "fp32")
    found = frozen(images[0], 0.0)
    assert len(found) == 3 * 7
    assert len(found) < len(from_checkpoint(images[0], 0.05))
    again = FaceDetector.from_file(checkpoint, "tiny", config, "fp32")
    np.testing.assert_allclose(again(images[0], 0.0), found, atol=1e-5)


def test_results_of_the_graph_itself_are_those_of_the_detector(frozen_model, from_checkpoint, config, images, tmp_path):
    graph_def = load_graph(frozen_model)
    # Without its rows of anchors it is a graph as another program would have exported it.
    for node in graph_def.node:
        node.name = node.name.replace("rows/", "hidden/")
        for number, source in enumerate(node.input):
            node.input[number] = source.replace("rows/", "hidden/")
    save_graph(graph_def, tmp_path / "foreign.pb")
    foreign = FaceDetector.from_frozen(tmp_path / "foreign.pb", config, "fp32")
    # It takes one image at a time; how a batch is rounded is not its affair.
    for found, wanted in zip(foreign.detect_batch(images), map(from_checkpoint, images), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_batch_finds_what_single_images_do(from_checkpoint, images):
    for found, image in zip(from_checkpoint.detect_batch(images, 0.3), images, strict=True):
        assert_close(found, from_checkpoint(image, 0.3))


def test_mirrored_pyramid_treats_left_and_right_alike(frozen_model, images):
    overrides = ["TEST.SCALES", "[60, 90]", "TEST.PYRAMID_BASE", "[90, 120]", "TEST.FLIP", "True", "TEST.NMS", "1.0"]
    detector = FaceDetector(frozen_model, load_config(None, [*SMALL, *overrides]), "fp32")
    found = detector(images[0], 0.3)
    mirrored = detector(images[0][:, ::-1], 0.3)
    last_column = images[0].shape[1] - 1
    # The resized image's last column is not quite the image's: the mirror axes are half a pixel apart at most.
    mirrored[:, [0, 2]] = last_column - mirrored[:, [2, 0]]
    agreement = compare_proposals(found[:, :4], found[:, 4], mirrored[:, :4], mirrored[:, 4])
    assert agreement.wanted > 100
    assert agreement.is_close, str(agreement)


def test_half_precision_finds_nearly_the_same(frozen_model, from_checkpoint, config, images):
    reduced = FaceDetector(frozen_model, config, "bf16")
    for image in images:
        assert_close(reduced(image, 0.3), from_checkpoint(image, 0.3), pixels=1.0, score=0.02, share=0.8)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_smallest_images(frozen_model, precision):
    config = load_config(None, [*SMALL, *ALL_SCORES])
    detector = FaceDetector(frozen_model, config, precision)
    for height, width in [(16, 16), (16, 40), (33, 17)]:
        config.TEST.SCALES = [min(height, width)]
        found = detector(np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8), 0.0)
        assert len(found) > 0
        assert np.isfinite(found).all()
        assert (found[:, 2:4] <= (width - 1, height - 1)).all()


def test_configuration_that_does_not_fit_the_checkpoint(checkpoint):
    with pytest.raises(CheckpointError, match=r"Conv2d_0/weights has shape \[3, 3, 3, 8\], expected \[3, 3, 3, 32\]"):
        FaceDetector.from_checkpoint(checkpoint, "tiny")


@pytest.fixture
def opened(monkeypatch):
    """What detectors are made of from now on; nothing is loaded."""
    asked = []

    def open_model(*arguments):
        asked.append(arguments)
        return FakeRunner([], [], [])

    monkeypatch.setattr("ssh_tf.model.detector._frozen_runner", open_model)
    monkeypatch.setattr("ssh_tf.model.detector._checkpoint_runner", open_model)
    return asked


def test_model_of_the_package(monkeypatch, frozen_model, config, images, from_checkpoint):
    monkeypatch.setattr("ssh_tf.model.detector.model_names", lambda: ["mobile_ssh"])
    monkeypatch.setattr("ssh_tf.model.detector.model_forms", lambda name: {"mobile_ssh": {".pb": frozen_model}}[name])
    np.testing.assert_allclose(
        FaceDetector(config=config, precision="fp32")(images[0]), from_checkpoint(images[0]), atol=1e-5
    )


def test_models_of_the_package_by_name(monkeypatch, frozen_model, config, images, from_checkpoint, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ssh_tf.model.detector.model_names", lambda: ["small"])
    monkeypatch.setattr("ssh_tf.model.detector.model_forms", lambda name: {"small": {".pb": frozen_model}}[name])
    named = FaceDetector("small", config, "fp32")
    np.testing.assert_allclose(named(images[0]), from_checkpoint(images[0]), atol=1e-5)
    with pytest.raises(CheckpointError, match="large: no checkpoint there; models of the package: small"):
        FaceDetector.from_file("large", config=config)


def test_a_file_comes_before_a_model_of_the_package(monkeypatch, checkpoint, frozen_model, config, opened):
    folder, name = Path(checkpoint).parent, Path(checkpoint).name
    monkeypatch.chdir(folder)
    monkeypatch.setattr("ssh_tf.model.detector.model_names", lambda: [name])
    monkeypatch.setattr("ssh_tf.model.detector.model_forms", lambda _: {".pb": frozen_model})
    FaceDetector.from_file(name, config=config, precision="fp32")
    assert opened == [(name, None, config, "fp32")]
    monkeypatch.chdir("/")
    FaceDetector.from_file(name, config=config, precision="fp32")
    assert opened[1:] == [(frozen_model, config, "fp32")]


def test_a_file_named_like_a_model_of_the_package(monkeypatch, checkpoint, config, images, from_checkpoint):
    folder, name = Path(checkpoint).parent, Path(checkpoint).name
    monkeypatch.chdir(folder)
    monkeypatch.setattr("ssh_tf.model.detector.model_names", lambda: [name])
    found = FaceDetector.from_file(name, config=config, precision="fp32")(images[0])
    np.testing.assert_allclose(found, from_checkpoint(images[0]), atol=1e-5)


def test_package_without_a_model(monkeypatch):
    monkeypatch.setattr("ssh_tf.model.detector.model_names", list)
    with pytest.raises(CheckpointError, match=r"no trained model.*--model.*trainval_net"):
        FaceDetector()


@pytest.mark.parametrize(
    ("precision", "tensorflow", "flags", "suffix"),
    [
        ("auto", True, {"avx2"}, ".pb"),
        ("fp32", True, {"avx512_vnni"}, ".pb"),
        ("auto", False, {"avx2"}, ".onnx"),
        ("bf16", False, {"avx2"}, ".onnx"),
        ("int8", False, {"avx2"}, "_int8.onnx"),
        ("auto", True, {"avx512_vnni"}, "_int8.onnx"),
        ("auto", True, {"avx512_vnni", "avx512_bf16"}, ".pb"),
    ],
)
def test_form_of_a_model_of_the_package(monkeypatch, caplog, precision, tensorflow, flags, suffix):
    forms = {form: Path(f"mobile_ssh{form}") for form in (".pb", ".onnx", "_int8.onnx")}
    monkeypatch.setattr("ssh_tf.model.detector.model_forms", lambda name: forms)
    monkeypatch.setattr("ssh_tf.model.detector.has_tensorflow", lambda: tensorflow)
    monkeypatch.setattr("ssh_tf.model.detector.cpu_flags", lambda: flags)
    monkeypatch.setattr("ssh_tf.model.detector._frozen_runner", lambda path, config, precision: path)
    assert str(FaceDetector(precision=precision).runner) == f"mobile_ssh{suffix}"
    assert ("VNNI" in caplog.text) == (precision == "auto" and suffix == "_int8.onnx")


@pytest.mark.parametrize(("precision", "suffix"), [("auto", "_int8.onnx"), ("fp32", ".pb"), ("int8", "_int8.onnx")])
def test_form_where_int8_alone_needs_no_tensorflow(monkeypatch, precision, suffix):
    forms = {form: Path(f"mobile_ssh{form}") for form in (".pb", "_int8.onnx")}
    monkeypatch.setattr("ssh_tf.model.detector.model_forms", lambda name: forms)
    monkeypatch.setattr("ssh_tf.model.detector.has_tensorflow", lambda: False)
    monkeypatch.setattr("ssh_tf.model.detector._frozen_runner", lambda path, config, precision: path)
    assert str(FaceDetector(precision=precision).runner) == f"mobile_ssh{suffix}"


def test_int8_that_is_not_there(frozen_model):
    with pytest.raises(ConfigError, match="--int8 makes it"):
        FaceDetector(frozen_model, precision="int8")


def test_the_file_in_8_bits_is_the_model_where_it_is_asked_for(tmp_path, monkeypatch):
    """So that what is noted of a run is of the file that was run."""
    for name in ("m.pb", "m_int8.onnx", "n.pb"):
        (tmp_path / name).touch()
    assert model_file(tmp_path / "m.pb", "int8") == tmp_path / "m_int8.onnx"
    assert model_file(tmp_path / "m.pb", "fp32") == tmp_path / "m.pb"
    assert model_file(tmp_path / "n.pb", "int8") == tmp_path / "n.pb"
    (tmp_path / "saved").mkdir()
    monkeypatch.chdir(tmp_path / "saved")
    assert model_file(".", "int8") == "."
    (tmp_path / "saved_int8.onnx").touch()
    assert model_file(".", "int8") == tmp_path / "saved_int8.onnx"


def test_what_is_no_configuration_is_said_at_once():
    with pytest.raises(ConfigError, match="config is what load_config returns, got 'finetune'"):
        FaceDetector(lambda images, scale: [], "finetune")
