"""What is checked of labels, and readers on entries and files of every sort."""

import json
import os
from contextlib import suppress

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.labels.importing import check_labels, choose_class, split, write_folder
from ssh_tf.datasets.labels.items import NO_LABELS, Label, LabelledImage, Pictures
from ssh_tf.datasets.labels.readers import READERS
from ssh_tf.datasets.labels.writers import WRITERS, Written
from ssh_tf.datasets.labels.xml_files import read_xml
from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.errors import DataError


@pytest.fixture
def pictures(tmp_path):
    """a.png and b/a.png, b/c.jpg, 40 high and 60 wide, and one that is none."""
    for name in ("a.png", "b/a.png", "b/c.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    (tmp_path / "images" / "bad.png").write_bytes(b"no picture")
    return Pictures(tmp_path / "images")


def read(tmp_path, pictures, kind, text, name="labels.file"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    problems = Problems()
    return READERS[kind](tmp_path / name, pictures, problems), problems


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.png", "a.png"),
        ("b\\a.png", "b/a.png"),
        ("./b//c.jpg", "b/c.jpg"),
        ("/home/me/data/b/a.png", "b/a.png"),
        ("c.jpg", "b/c.jpg"),
        ("b/c", "b/c.jpg"),
        ("upload/0123abcd-c.jpg", "b/c.jpg"),
        ("/data/local-files/?d=b%2FC.JPG", "b/c.jpg"),
        ("../../../etc/passwd", None),
        ("d.png", None),
        ("", None),
    ],
)
def test_names_are_looked_up_and_never_lead_outside(pictures, name, found):
    assert pictures.find(name) == found


def test_every_sort_of_bad_box_is_counted_and_named(pictures):
    boxes = {
        "good": (1, 2, 30, 20),
        "twice": (1.2, 2, 30, 20),
        "flat": (1, 2, 1, 20),
        "reversed": (30, 2, 1, 20),
        "outside": (60, 2, 90, 20),
        "endless": (1, 2, float("inf"), 20),
        "cut": (-5, 2, 30, 20),
    }
    labels = [Label(box, where=name) for name, box in boxes.items()]
    images = [
        LabelledImage("a", [*labels, Label((1, 2, 3, 4), "dog", where="dog"), Label((5, 5, 9, 9), ignore=True)]),
        LabelledImage("./a.png", [], "again"),
        LabelledImage("bad.png", [], "bad"),
        LabelledImage("missing.png", [], "missing"),
    ]
    problems = Problems()
    (checked,) = check_labels(images, pictures, problems, "FACE")
    assert checked.boxes == [(1, 2, 30, 20), (0, 2, 30, 20)]
    assert checked.ignore == [(5, 5, 9, 9)]
    assert problems.as_json() == {
        "box drawn twice": ["twice"],
        "box without area": ["flat"],
        "box whose corners are the wrong way round": ["reversed"],
        "box outside its image": ["outside (the image has 60x40 pixels)"],
        "box that is not of finite numbers": ["endless"],
        "box cut at the edge of its image": ["cut"],
        "box of another class": ["dog"],
        "image with labels already": ["./a.png (again)"],
        "image that cannot be read": [f"{pictures.folder}/bad.png: not a picture that OpenCV can read"],
        "image that is not there": ["missing.png (missing)"],
    }


def test_the_class_has_to_be_chosen_where_there_are_several():
    images = [LabelledImage("a", [Label((0, 0, 1, 1), name) for name in ("Face", "dog", "group")])]
    assert choose_class(images, "face", []) == "face"
    assert choose_class(images, None, ["dog", "GROUP"]) == "Face"
    with pytest.raises(DataError, match=r"'Face' \(1 boxes\), 'dog'.*--class"):
        choose_class(images, None, [])
    with pytest.raises(DataError, match="--class cat: no box"):
        choose_class(images, "cat", [])
    assert choose_class([], None, []) is None


def test_boxes_of_ignored_classes_become_regions(pictures):
    labels = [Label((0, 0, 9, 9), "face"), Label((9, 9, 20, 20), "crowd")]
    (checked,) = check_labels([LabelledImage("a.png", labels)], pictures, Problems(), "face", ["Crowd"])
    assert (checked.boxes, checked.ignore) == ([(0, 0, 9, 9)], [(9, 9, 20, 20)])


def test_nothing_left_says_why(pictures, tmp_path):
    problems = Problems()
    checked = check_labels([LabelledImage("missing.png", [], "x")], pictures, problems, None)
    with pytest.raises(DataError, match=r"nothing to train on.*image that is not there: missing\.png"):
        write_folder(tmp_path / "out", *split(checked, 0.1), pictures, problems, copy=False)
    assert not (tmp_path / "out").exists()


def test_copies_and_links(pictures, tmp_path):
    checked = check_labels([LabelledImage("a.png", []), LabelledImage("b/c.jpg", [])], pictures, Problems(), None)
    write_folder(tmp_path / "out", *split(checked, 0.5), pictures, Problems(), copy=True)
    assert sorted(p.name for p in (tmp_path / "out/images").rglob("*.*")) == ["a.png", "c.jpg"]
    with pytest.raises(DataError, match="is there already"):
        write_folder(tmp_path / "out", checked, [], pictures, Problems(), copy=False)
    write_folder(tmp_path / "linked", checked, [], pictures, Problems(), copy=False)
    write_folder(tmp_path / "linked", checked, [], pictures, Problems(), copy=False)
    assert (tmp_path / "linked/images/a.png").is_file()
    assert not (tmp_path / "linked/val.txt").exists()


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("place", ["", "b"])
def test_a_set_is_not_written_among_its_own_images(pictures, place, copy):
    checked = check_labels([LabelledImage("a.png", [])], pictures, Problems(), None)
    before = sorted(pictures.folder.rglob("*"))
    with pytest.raises(DataError, match="lies in the folder of the images"):
        write_folder(pictures.folder / place, checked, [], pictures, Problems(), copy)
    assert sorted(pictures.folder.rglob("*")) == before


def test_coco_names_its_bad_entries(tmp_path, pictures):
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2}, {"id": 1, "file_name": "b.png"}],
        "annotations": [
            {"image_id": "1", "category_id": "7", "bbox": [1, 2, 3, 4]},
            {"image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]},
            {"image_id": 1, "category_id": 7, "bbox": [1, 2, 3]},
            {"image_id": 1, "category_id": 7},
            "none",
        ],
        "categories": [{"id": 7, "name": "Gesicht"}],
    }
    (image,), problems = read(tmp_path, pictures, "coco", json.dumps(content))
    assert [(label.name, label.box) for label in image.labels] == [("Gesicht", (1, 2, 4, 6))]
    named = problems.items("entry that cannot be read")
    assert [item.split(": ")[1].split(" ")[0] for item in named] == [
        "images[1]",
        "images[2]",
        *(f"annotations[{i}]" for i in (1, 2, 3, 4)),
    ]


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax\na.png,60,40,face,1,2,3,4\n", (1, 2, 3, 4)),
        ("image;x;y;w;h\r\na.png;1;2;3;4\r\n", (1, 2, 4, 6)),
        ("\ufeffa.png,1,2,3,4,face\n", (1, 2, 3, 4)),
        ("image;xmin;ymin;xmax;ymax\na.png;1,5;2,5;3,5;4,5\n", (1.5, 2.5, 3.5, 4.5)),
        ("a.png;1,5;2,5;3,5;4,5\n", (1.5, 2.5, 3.5, 4.5)),
    ],
)
def test_tables_of_several_kinds(tmp_path, pictures, text, box):
    (image,), problems = read(tmp_path, pictures, "csv", text)
    assert (image.name, [label.box for label in image.labels], len(problems)) == ("a.png", [box], 0)


def test_shapes_of_cvat_that_are_turned_or_painted(tmp_path, pictures):
    shapes = [
        '<box xtl="10" ytl="10" xbr="30" ybr="20" rotation="90"/>',
        '<ellipse cx="20" cy="15" rx="10" ry="5" rotation="270"/>',
        '<mask rle="1" left="3" top="4" width="10" height="12"/>',
        '<tag label="good"/>',
        '<cuboid xtl1="1"/>',
        '<box xtl="10" ytl="10" xbr="30"/>',
    ]
    xml = f'<annotations><image name="a.png">{"".join(shapes)}</image></annotations>'
    (image,), problems = read(tmp_path, pictures, "cvat", xml)
    boxes = [label.box for label in image.labels]
    np.testing.assert_allclose(boxes, [(15, 5, 25, 25), (15, 5, 25, 25), (3, 4, 13, 16)])
    assert "shape 5 (a cuboid has no box)" in problems.items("entry that cannot be read")[0]
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("cvat", "<annotation/>", "not of CVAT: its outermost element is <annotation>"),
        ("cvat", "<annotations><track/></annotations>", "CVAT for video; export the task as CVAT for images"),
        ("coco", '[{"id": 1, "data": {}, "annotations": []}]', "Label Studio's own JSON: export COCO there"),
    ],
)
def test_files_of_another_kind_are_called_what_they_are(tmp_path, pictures, kind, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, pictures, kind, text)


def test_a_file_of_cvat_is_none_of_pascal_voc(tmp_path, pictures):
    images, problems = read(tmp_path, pictures, "voc", "<annotations/>")
    assert images == []
    assert "not of Pascal VOC: its outermost element is <annotations>" in problems.items("file that cannot be read")[0]


VIA = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"


def via_row(shape, attributes, name="a.png"):
    quoted = ('"' + json.dumps(cell).replace('"', '""') + '"' for cell in (shape, attributes))
    return ",".join([name, "-1", '"{}"', "1", "0", *quoted])


@pytest.mark.parametrize(
    ("attributes", "name", "ignore"),
    [
        ({}, "face", False),
        ({"name": " Anna ", "type": "child"}, "child", False),
        ({"quality": "good", "what": "face"}, "good", False),
        ({"class": {"dog": False, "face": True}}, "face", False),
        ({"type": "", "ignore": "yes"}, "face", True),
        ({"type": "face", "flags": {"difficult": True, "blur": True}}, "face", True),
    ],
)
def test_classes_of_the_vgg_image_annotator(tmp_path, pictures, attributes, name, ignore):
    row = via_row({"name": "circle", "cx": 20, "cy": 15, "r": 5}, attributes)
    (image,), problems = read(tmp_path, pictures, "csv", f"#{VIA}\n{row}\n")
    assert [(label.box, label.name, label.ignore) for label in image.labels] == [((15, 10, 25, 20), name, ignore)]
    assert len(problems) == 0


def test_bad_regions_of_the_vgg_image_annotator_are_named(tmp_path, pictures):
    good = via_row({"name": "polyline", "all_points_x": [1, 9], "all_points_y": [8, 2]}, {})
    bad = [
        via_row({"name": "point", "cx": 1, "cy": 2}, {}),
        via_row({"name": "rect", "x": 1, "y": 2, "width": 3}, {}),
        via_row({"name": "polygon", "all_points_x": [1], "all_points_y": []}, {}),
        via_row([3], {}),
        via_row({"name": "circle", "cx": 1, "cy": 2, "r": 3}, 7),
        'a.png,-1,"{}",1,0,"{""name""","{}"',
        f'a.png,-1,"{{}}",1,0,"{"[" * 99999}","{{}}"',
        "a.png,-1",
    ]
    (image,), problems = read(tmp_path, pictures, "csv", "\n".join([VIA, *bad, good, via_row({}, {})]))
    assert [label.box for label in image.labels] == [(1, 2, 9, 8)]
    assert len(problems.items("entry that cannot be read")) == len(bad)


def test_other_files_of_the_vgg_image_annotator_are_called_what_they_are(tmp_path, pictures):
    with pytest.raises(DataError, match=r"VIA 3; that of VIA 1 or 2 is read, and COCO"):
        read(
            tmp_path, pictures, "csv", "# Exported\n# CSV_HEADER = metadata_id,file_list,flags,spatial_coordinates\n1,2"
        )
    for content in ({"_via_settings": {}, "_via_img_metadata": {}}, {"a.png-1": {"filename": "a.png", "regions": []}}):
        with pytest.raises(DataError, match=r"not a COCO file: .*VIA's own JSON: export CSV there"):
            read(tmp_path, pictures, "coco", json.dumps(content))


def test_yolo_polygons_classes_and_files_without_images(tmp_path, pictures):
    folder = tmp_path / "labels"
    (folder / "b").mkdir(parents=True)
    (folder / "data.yaml").write_text("names: {0: dog, 1: face}")
    (folder / "a.txt").write_text("1 0.1 0.2 0.5 0.2 0.5 0.6\n0 0.5 0.5 0.1 0.1\n1 30 20 10 10\n")
    (folder / "b/elsewhere.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    problems = Problems()
    images = {image.name: image.labels for image in READERS["yolo"](folder, pictures, problems)}
    polygon, other = images["a.png"]
    np.testing.assert_allclose(polygon.box, (6, 8, 30, 24))
    assert (polygon.name, other.name) == ("face", "dog")
    assert problems.items("label file without an image") == [str(folder / "b/elsewhere.txt")]
    assert len(problems.items("image without a label file, taken to be without faces")) == 3
    assert "between 0 and 1" in problems.items("entry that cannot be read")[0]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("train/images/a.png", "train/labels/a.txt"),  # Roboflow
        ("images/train/a.png", "labels/train/a.txt"),  # Ultralytics
        ("images/a.png", "labels/a.txt"),
        ("images/a.png", "a.txt"),
        ("images/images/a.png", "images/labels/a.txt"),
        ("train/a.png", "train/a.txt"),
    ],
)
def test_yolo_finds_the_labels_of_every_layout(tmp_path, image, label):
    for name in (image, label):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(tmp_path / image), np.zeros((40, 60, 3), np.uint8))
    (tmp_path / label).write_text("0 0.5 0.5 0.5 0.5\n")
    problems = Problems()
    (read,) = READERS["yolo"](tmp_path, Pictures(tmp_path), problems)
    assert (read.name, len(read.labels), len(problems)) == (image, 1, 0)


@pytest.mark.parametrize(
    ("images", "labels", "folder", "source"),
    [
        (["images/train/a.png", "images/val/b.png"], ["labels/train/a.txt"], "images", "labels/train"),
        (["images/train/a.png"], ["labels/train/a.txt", "labels/val/a2.txt"], "images/train", "."),
        (["train/images/a.png"], ["train/labels/a.txt"], "train", "train/labels"),
        (["train/images/a.png"], ["train/labels/a.txt"], "train/images", "data.yaml"),
        (["photos/a.png"], ["export/obj_train_data/a.txt", "export/train.txt"], "photos", "export"),
        (["photos/x/a.png"], ["labels/a.txt"], "photos", "labels"),
        (["photos/Über uns (1).PNG"], ["export/labels/1a2b3c4d-U\u0308ber_uns_1.txt"], "photos", "export"),
    ],
)
def test_yolo_labels_lie_elsewhere_than_images(tmp_path, images, labels, folder, source):
    for name in images:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes())
    for name in labels:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("{train: images/train, names: [dog, face]}")
    first, *others = READERS["yolo"](tmp_path / source, Pictures(tmp_path / folder), Problems())
    assert [label.name for label in first.labels] == ["face"]
    assert all(not other.labels for other in others)


def test_what_a_mac_puts_beside_each_file_is_passed_over(tmp_path, pictures):
    (tmp_path / "labels").mkdir()
    for name in ("images/__MACOSX/._a.png", "labels/._a.txt", "labels/._a.xml", "labels/._a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert Pictures(tmp_path / "images").names == pictures.names
    for kind in ("yolo", "voc", "labelme"):
        with pytest.raises(DataError, match="no files that end in"):
            READERS[kind](tmp_path / "labels", pictures, Problems())


def test_names_that_fit_two_images_or_two_files_are_no_ones(tmp_path, pictures):
    for name in ("one/a.txt", "x/c.txt", "y/c.txt"):
        (tmp_path / "labels" / name).parent.mkdir(parents=True)
        (tmp_path / "labels" / name).write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "images/a.png").rename(tmp_path / "images/b/a.jpg")
    problems = Problems()
    images = READERS["yolo"](tmp_path / "labels", Pictures(tmp_path / "images"), problems)
    assert all(not image.labels for image in images)
    assert len(problems.items("label file without an image")) == 3


def test_labels_that_are_all_left_out_are_no_set_without_faces(pictures, tmp_path):
    problems = Problems()
    empty = check_labels([LabelledImage("a.png", []), LabelledImage("b/a.png", [])], pictures, problems, None)
    problems.add(NO_LABELS, "a.png")
    write_folder(tmp_path / "empty", empty, [], pictures, problems, copy=False)
    problems.add("entry that cannot be read", "labels.csv:2")
    with pytest.raises(DataError, match=r"no face is left; .*labels\.csv:2"):
        write_folder(tmp_path / "lost", empty, [], pictures, problems, copy=False)
    assert not (tmp_path / "lost").exists()


def test_a_folder_without_labels_is_no_set_without_faces(tmp_path, pictures):
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match=r"labels: no files that end in \.txt"):
        READERS["yolo"](tmp_path / "labels", pictures, Problems())


def test_entities_are_refused(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY x "haha"><!ENTITY y "&x;&x;">]><annotation><filename>&y;</filename></annotation>'
    (tmp_path / "a.xml").write_text(bomb)
    with pytest.raises(DataError, match="document type"):
        read_xml(tmp_path / "a.xml")


def test_one_damaged_file_of_yolo_is_named_and_its_image_left_out(tmp_path, pictures):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "data.yaml").write_text("names: [face]\nnames: [dog]\n")
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "c.txt").write_bytes(b"0 0.5 0.5 0.1 caf\xe9\n")
    (folder / "b").mkdir()
    (folder / "b/a.txt").write_bytes(b"\0" * 40)  # as a full disk leaves it
    problems = Problems()
    images = READERS["yolo"](folder, pictures, problems)
    assert not {"b/c.jpg", "b/a.png"} & {image.name for image in images}
    assert sum(len(image.labels) for image in images) == 1
    named = "".join(problems.items("file that cannot be read"))
    assert "data.yaml: line 2: names stands on line 1 already" in named
    assert "c.txt: not a UTF-8 text file" in named
    assert "a.txt: no line of it can be read" in named


@pytest.mark.parametrize("kind", ["voc", "labelme"])
def test_one_damaged_file_of_many_is_named(tmp_path, pictures, kind):
    suffix = {"voc": ".xml", "labelme": ".json"}[kind]
    texts = {
        "voc": "<annotation><filename>a.png</filename><object><bndbox/></object></annotation>",
        "labelme": '{"imagePath": "a.png", "shapes": [{"points": []}]}',
    }
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / f"a{suffix}").write_text(texts[kind])
    (folder / f"c{suffix}").write_text("<{")
    problems = Problems()
    (image,) = READERS[kind](folder, pictures, problems)
    assert image.name == "a.png"
    assert problems.counts() == {"entry that cannot be read": 1, "file that cannot be read": 1}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe", b"[]", b"{}", b"<a>", b"a,b\n1", b'{"images": 3}', b"[" * 100000]
)
def test_any_bytes_are_an_error_of_one_line_or_nothing(tmp_path, pictures, kind, content):
    (tmp_path / "file").write_bytes(content)
    images = []
    with suppress(DataError):
        images = READERS[kind](tmp_path / "file", pictures, Problems())
    assert all(not image.labels for image in images)


@pytest.mark.parametrize("kind", READERS)
def test_what_is_not_there_is_named(tmp_path, pictures, kind):
    with pytest.raises(DataError, match="nowhere: no such f"):
        READERS[kind](tmp_path / "nowhere", pictures, Problems())


def test_writers_name_images_that_are_not_there(tmp_path, pictures):
    for kind, writer in WRITERS.items():
        problems = Problems()
        images = [LabelledImage(name, [Label((0, 0, 1, 1))]) for name in ("x.png", "a.png")]
        assert writer(tmp_path / kind, images, pictures, "face", problems) == Written(1, 1)
        assert problems.counts() == {"image that is not there": 1}


@pytest.mark.parametrize("kind", WRITERS)
def test_an_export_of_nothing_leaves_what_is_there(tmp_path, pictures, kind):
    images = [LabelledImage("x.png", [Label((0, 0, 1, 1))])]
    with pytest.raises(DataError, match=r"nothing to write; 1 x image that is not there: x\.png"):
        WRITERS[kind](tmp_path / kind, images, pictures, "face", Problems())
    assert not (tmp_path / kind).exists()


@pytest.mark.parametrize("kind", WRITERS)
def test_an_image_is_written_once(tmp_path, pictures, kind):
    """Boxes of a second image that is found in the same file are not its own."""
    images = [LabelledImage(name, [Label((1, 1, 5, 5))], name) for name in ("b/c.jpg", "elsewhere/c.jpg")]
    problems = Problems()
    assert WRITERS[kind](tmp_path / kind, images, pictures, "face", problems) == Written(1, 1)
    assert problems.items("image with labels already") == ["elsewhere/c.jpg (elsewhere/c.jpg)"]


@pytest.mark.parametrize("kind", WRITERS)
def test_images_that_differ_in_their_suffix_do_not_share_a_file(tmp_path, pictures, kind):
    (pictures.folder / "a.jpg").write_bytes((pictures.folder / "b/c.jpg").read_bytes())
    images = [LabelledImage(name, [Label((1, 1, 5, 5))]) for name in ("a.jpg", "a.png")]
    problems = Problems()
    written = WRITERS[kind](tmp_path / kind, images, Pictures(pictures.folder), "face", problems)
    assert written == (Written(1, 1) if kind in {"yolo", "voc"} else Written(2, 2))
    assert [item for key in problems.counts() for item in problems.items(key)] == ["a.png"] * (2 - written.images)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_name_that_is_no_text_is_left_out_of_an_export(tmp_path, pictures, kind):
    odd = os.fsdecode(b"caf\xe9.png")
    (pictures.folder / odd).write_bytes((pictures.folder / "a.png").read_bytes())
    images = [LabelledImage(name, [Label((1, 1, 5, 5))]) for name in (odd, "a.png")]
    problems = Problems()
    written = WRITERS[kind](tmp_path / kind, images, Pictures(pictures.folder), "face", problems)
    assert written == Written(1, 1)
    assert problems.counts() == {"name that cannot be written": 1}
