"""Where data sets and initial weights come from: the official downloads, and what is known of each file.

The MD5 sums of WIDER FACE are those that torchvision publishes with its loader (torchvision 0.20.1,
datasets/widerface.py); of the other files nobody has published a sum, so that they are checked for their length on the
server alone.
"""

from typing import NamedTuple

from ssh_tf.utils.download import Check

_WIDER = "http://shuoyang1213.me/WIDERFACE/support"
_WIDER_MIRROR = "https://huggingface.co/datasets/CUHK-CSE/wider_face/resolve/main/data"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_SLIM = "http://download.tensorflow.org/models"
_UNKNOWN = Check()


class Archive(NamedTuple):
    """A file to fetch.

    Attributes:
        file: its name.
        urls: where it is, the official place first; the next is tried when one fails.
        folder: where it is unpacked, below the folder of all data.
        strip: a folder inside the archive that is left away.
        check: what is known of the file.
    """

    file: str
    urls: tuple[str, ...]
    folder: str
    strip: str = ""
    check: Check = _UNKNOWN


ARCHIVES = {
    "wider_train": Archive(
        "WIDER_train.zip",
        (f"{_DRIVE}15hGDLhsx8bLgLcIRD5DhYt5iBxnjNF1M", f"{_WIDER_MIRROR}/WIDER_train.zip"),
        "WIDER",
        check=Check(md5="3fedf70df600953d25982bcd13d91ba2"),
    ),
    "wider_val": Archive(
        "WIDER_val.zip",
        (f"{_DRIVE}1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q", f"{_WIDER_MIRROR}/WIDER_val.zip"),
        "WIDER",
        check=Check(md5="dfa7d7e790efa35df3788964cf0bbaea"),
    ),
    "wider_split": Archive(
        "wider_face_split.zip",
        (f"{_WIDER}/bbx_annotation/wider_face_split.zip", f"{_WIDER_MIRROR}/wider_face_split.zip"),
        "WIDER",
        check=Check(md5="0e3767bcf0e326556d407bf5bff5d27c"),
    ),
    "wider_eval": Archive("eval_tools.zip", (f"{_WIDER}/eval_script/eval_tools.zip",), "WIDER", strip="eval_tools"),
    "fddb_images": Archive(
        "originalPics.tar.gz", ("http://tamaraberg.com/faceDataset/originalPics.tar.gz",), "FDDB/images"
    ),
    "fddb_folds": Archive("FDDB-folds.tgz", ("http://vis-www.cs.umass.edu/fddb/FDDB-folds.tgz",), "FDDB"),
    **{
        name: Archive(url.rpartition("/")[2], (url,), "imagenet_weights")
        for name, url in {
            "vgg16": f"{_SLIM}/vgg_16_2016_08_28.tar.gz",
            "res50": f"{_SLIM}/resnet_v1_50_2016_08_28.tar.gz",
            "res101": f"{_SLIM}/resnet_v1_101_2016_08_28.tar.gz",
            "res152": f"{_SLIM}/resnet_v1_152_2016_08_28.tar.gz",
            "mobile": f"{_SLIM}/mobilenet_v1_2018_08_02/mobilenet_v1_1.0_224.tgz",
            "mobile_v2": "https://storage.googleapis.com/mobilenet_v2/checkpoints/mobilenet_v2_1.0_224.tgz",
        }.items()
    },
}

#: Names for several archives.
GROUPS = {
    "wider": ("wider_train", "wider_val", "wider_split", "wider_eval"),
    "fddb": ("fddb_images", "fddb_folds"),
    "weights": ("vgg16", "res50", "res101", "res152", "mobile", "mobile_v2"),
}
