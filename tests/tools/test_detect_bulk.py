"""The tool for many pictures, with a real network under Ray."""

import numpy as np
import pytest

from networks import SMALL, freeze_checkpoint, write_checkpoint

pytest.importorskip("ray", reason="the extra bulk is not installed")

from bulk_runs import rows_of, write_pictures
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.utils.errors import DataError, SSHError
from ssh_tf.utils.images import read_image
from ssh_tools.detect_bulk import main


@pytest.fixture(scope="module")
def frozen_model(tmp_path_factory):
    """MobileNetV1: of `tiny` one box of these pictures stays or not by the number of threads."""
    return freeze_checkpoint(write_checkpoint(tmp_path_factory.mktemp("mobile") / "small", "mobile", SMALL), "mobile")


def test_same_boxes_as_the_detector_and_a_second_run_has_nothing_to_do(frozen_model, tmp_path, capfd):
    names = write_pictures(tmp_path / "pictures", 5)
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"no picture")
    arguments = [str(tmp_path / "pictures"), "--output", str(tmp_path / "out"), "--model", str(frozen_model)]
    arguments += ["--workers", "1", "--threshold", "0.1", "--precision", "fp32", "--set", *SMALL]
    assert main(arguments) == 1
    printed = capfd.readouterr()
    assert printed.out.startswith("6 pictures, ")
    assert (printed.out.count("\n"), printed.err) == (1, ""), "nobody speaks but us"
    rows = {row["name"]: row for row in rows_of(tmp_path / "out")}
    assert len(rows) == 6
    detector = FaceDetector.from_file(frozen_model, config=load_config(None, SMALL), precision="fp32")
    found = 0
    for name in names:
        faces = detector(read_image(name), 0.1)
        found += len(faces)
        np.testing.assert_allclose(np.reshape(rows[name]["boxes"], (-1, 4)), faces[:, :4], atol=1e-3)
        np.testing.assert_allclose(rows[name]["scores"], faces[:, 4], atol=1e-5)
    assert found > 0
    assert main(arguments) == 0
    assert "were there already" in capfd.readouterr().out
    with pytest.raises(DataError, match=r"holds another run \(of other threshold"):
        main([*arguments[:7], "--threshold", "0.2", *arguments[9:]])


def test_an_empty_input_is_not_the_folder_one_is_in(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["", "--output", str(tmp_path / "out")])
    assert capsys.readouterr().err == "error: argument INPUT: an empty name\n"
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_both_input_and_output(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(SSHError, match="both an input and the output"):
        main([str(tmp_path / "pictures"), "--output", f"{tmp_path}/x/../pictures/"])


def test_what_is_no_model_leaves_no_folder_of_results(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(SSHError, match=r"x\.onnx: "):
        main([str(tmp_path), "--output", str(tmp_path / "out"), "--model", str(tmp_path / "x.onnx")])
    assert not (tmp_path / "out").exists()
