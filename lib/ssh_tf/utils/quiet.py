"""Log levels of the libraries that a tool uses.

It applies to the whole process, so only a tool may call it: as a library, `ssh_tf` leaves all of it to its host.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GLOG_v": "4",
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Drop what is printed to standard error meanwhile, by libraries in C and new processes too.

    For the start of a tool only: what other threads print there is dropped as well.
    """
    try:
        kept = os.dup(2)
    except OSError:  # closed: all is silent
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def quiet_libraries() -> None:
    """Show the user only our one line. A level that the environment sets already is respected.

    TensorFlow and MindSpore log how they start and compile; of what they cannot decode, OpenCV and FFmpeg tell in
    several lines what we say in one, with the file's name; Pillow warns of odd metadata, and its libtiff of damage
    (`ssh_tf.utils.pillow` has that follow the level of Pillow's log); matplotlib tells of letters that its font lacks
    and of where it keeps its cache. To be called before these are imported.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from", category=UserWarning)
