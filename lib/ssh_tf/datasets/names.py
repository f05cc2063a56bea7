"""Names of images. An image is what its whole name says: ``a.jpg`` and ``a.png`` are two.

In lists, and in the names of the official text files of detections, a name without an image's suffix means ``.jpg``.
"""

from pathlib import PurePosixPath

from ssh_tf.utils.images import IMAGE_SUFFIXES

_SUFFIX = ".jpg"


def file_name(name: str) -> str:
    """The image file that `name` means: without ``./`` and ``//``, and with ``.jpg`` if no image's suffix is there."""
    plain = PurePosixPath(name)
    return str(plain) if plain.suffix.lower() in IMAGE_SUFFIXES else f"{plain}{_SUFFIX}"


def short_name(file: str) -> str:
    """The shortest name that means `file`: ``a`` for ``a.jpg``; ``a.png`` stays. `file_name` taken back."""
    short = file.removesuffix(_SUFFIX)
    return short if file_name(short) == file else file
