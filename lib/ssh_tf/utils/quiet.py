"""Log levels of the libraries that a tool uses.

It applies to the whole process, so only a tool may call it: as a library, `ssh_tf` leaves all of it to its host.
"""

import logging
import os
import warnings

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GLOG_v": "4",
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


def quiet_libraries() -> None:
    """Show the user only our one line. A level that the environment sets already is respected.

    TensorFlow and MindSpore log how they start and compile; of what they cannot decode, OpenCV and FFmpeg tell in
    several lines what we say in one, with the file's name; Pillow warns of odd metadata, and its libtiff of damage
    (`ssh_tf.utils.pillow` has that follow the level of Pillow's log). To be called before these are imported.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")
