"""Cut the faces out of photographs, sub folders too: python examples/photos_to_crops.py PHOTOS CROPS [MODEL]."""

import sys
from pathlib import Path

from ssh_tf import FaceDetector
from ssh_tf.utils.errors import ImageError, SSHError
from ssh_tf.utils.images import IMAGE_SUFFIXES, write_image


def main(photos: Path, crops: Path, model: str = "mobile_ssh") -> None:
    files = [
        file for file in sorted(photos.rglob("*")) if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "."
    ]
    if not files:
        raise ImageError(f"{photos}: no pictures there")
    with FaceDetector(model, size="balanced") as detector:
        for photo in files:
            name = photo.relative_to(photos)
            try:
                result = detector.detect(photo)
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            for number, crop in enumerate(result.crops(margin=0.3, side=224), start=1):
                write_image(crops / f"{name}_{number}.jpg", crop)
            print(f"{name}: {len(result)} faces")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    except SSHError as error:
        sys.exit(f"error: {error}")
