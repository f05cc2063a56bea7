"""Small ground truths for the tests of the WIDER FACE evaluation, in memory and as the toolbox's .mat files."""

import numpy as np
import scipy.io

from ssh_tf.datasets.wider_ground_truth import LEVELS, GroundTruth


def ground_truth(images, **levels):
    """A `GroundTruth` of {"event/name": boxes}; a level is {"event/name": places counted from 0}, by default all."""
    boxes = [np.array(image, np.int32).reshape(-1, 4) for image in images.values()]
    starts = np.cumsum([0, *map(len, boxes)])
    evaluated, faces = {}, {}
    for level in LEVELS:
        flags = [np.isin(np.arange(len(b)), _places(levels, level, n, b)) for n, b in zip(images, boxes, strict=True)]
        evaluated[level] = np.concatenate([np.zeros(0, bool), *flags])
        faces[level] = int(evaluated[level].sum())
    return GroundTruth(tuple(images), np.concatenate([np.zeros((0, 4), np.int32), *boxes]), starts, evaluated, faces)


def _places(levels, level, name, boxes):
    return levels[level].get(name, []) if level in levels else range(len(boxes))


def column(items):
    """A MATLAB cell column."""
    cells = np.empty((len(items), 1), dtype=object)
    for at, item in enumerate(items):
        cells[at, 0] = item
    return cells


def write_mat(folder, images, **levels):
    """The four .mat files as the toolbox has them: 1-based uint8 lists, int32 boxes, events in cells."""
    folder.mkdir(parents=True, exist_ok=True)
    events = list(dict.fromkeys(name.split("/")[0] for name in images))
    of_event = [[name for name in images if name.split("/")[0] == event] for event in events]
    common = {
        "event_list": column(events),
        "file_list": column([column([name.split("/")[1] for name in names]) for names in of_event]),
        "face_bbx_list": column(
            [column([np.array(images[name], np.int32).reshape(-1, 4) for name in names]) for names in of_event]
        ),
    }
    scipy.io.savemat(folder / "wider_face_val.mat", common)
    for level in LEVELS:
        lists = [column([_list(_places(levels, level, name, images[name])) for name in names]) for names in of_event]
        scipy.io.savemat(folder / f"wider_{level}_val.mat", {**common, "gt_list": column(lists)})
    return folder


def _list(places):
    """(P, 1) counted from 1, in the smallest type that holds them, as MATLAB saves them."""
    counted = np.array(places, np.int64).reshape(-1, 1) + 1
    return counted.astype(np.uint8 if counted.max(initial=0) < 256 else np.uint16)
