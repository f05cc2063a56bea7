"""Cut the faces out of photographs: python examples/photos_to_crops.py PHOTOS CROPS."""

import sys
from pathlib import Path

from ssh_tf import FaceDetector
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import write_image


def main(photos: Path, crops: Path, model: str = "mobile_ssh") -> None:
    with FaceDetector(model, size="balanced") as detector:
        for photo in sorted(photos.iterdir()):
            try:
                result = detector.detect(photo)
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            for number, crop in enumerate(result.crops(margin=0.3, side=224), start=1):
                write_image(crops / f"{photo.name}_{number}.jpg", crop)
            print(f"{photo.name}: {len(result)} faces")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
