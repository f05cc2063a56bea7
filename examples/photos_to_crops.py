"""Cut the faces out of photographs, sub folders too: python examples/photos_to_crops.py PHOTOS CROPS [MODEL].

CROPS may lie in PHOTOS: pictures that are in it are passed over.
"""

import os
import sys
from pathlib import Path

from ssh_tf import FaceDetector
from ssh_tf.utils.errors import ImageError, SSHError
from ssh_tf.utils.images import IMAGE_SUFFIXES, write_image


def main(photos: Path, crops: Path, model: str = "mobile_ssh") -> None:
    files = photographs(photos, crops)
    left_out = 0
    with FaceDetector(model, size="balanced") as detector:
        for photo in files:
            name = photo.relative_to(photos)
            try:
                result = detector.detect(photo)
                for number, crop in enumerate(result.crops(margin=0.3, side=224), start=1):
                    write_image(crops / f"{name}_{number}.jpg", crop)
            except ImageError as error:  # of this picture alone; a full disk is another error, and ends the run
                print(f"left out: {error}", file=sys.stderr)
                left_out += 1
                continue
            print(f"{name}: {len(result)} faces")
    if left_out:
        raise ImageError(f"pictures left out: {left_out} of {len(files)}")


def photographs(photos: Path, crops: Path) -> list[Path]:
    """The pictures in `photos`, without the crops of an earlier run."""
    # Links resolved: one folder may have several names.
    source, target = (Path(os.path.realpath(folder)) for folder in (photos, crops))
    if source == target:
        raise ImageError(f"{crops}: the photographs are there; name another folder for the crops")
    files = [
        file
        for file in photos.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "." and not file.is_dir()
    ]
    if target.is_relative_to(source):
        earlier = photos / target.relative_to(source)
        files = [file for file in files if not file.is_relative_to(earlier)]
    if not files:
        raise ImageError(f"{photos}: no pictures there")
    return sorted(files)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    # A file's name may hold bytes that no terminal can show.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    except SSHError as error:
        sys.exit(f"error: {error}")
