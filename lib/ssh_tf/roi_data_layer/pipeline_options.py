"""What may be done to a training image."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class FaceSides(NamedTuple):
    """A range of face sides (square root of the area, px at the network's input) and how often it is drawn."""

    low: float
    high: float
    weight: float = 1.0


class PipelineOptions(NamedTuple):
    """How samples are drawn and made. The configuration gives the values, and fixed ones come last.

    Without `crop_sizes` the whole image is resized: shortest side to one of `scales` (drawn once for each iteration, so
    that a batch needs little padding), longest side at most `max_size`. Otherwise a square window, its side in pixels
    drawn likewise from `crop_sizes`, is cut around a face whose size is drawn from `face_sides`.
    """

    scales: tuple[int, ...]
    max_size: int
    # Share of samples that are mirrored.
    flip_rate: float
    # Landscape pictures with landscape ones, portrait with portrait, in each batch.
    aspect_grouping: bool
    # How often an image of a group (`ImageRecord.group`) is drawn, against 1 for the groups not named.
    group_weights: Mapping[str, float]
    # An image with n faces is drawn in proportion to (n + 1) ** crowd_power.
    crowd_power: float
    # Paint doubtful faces and those too small in the mean colour, so that they are background that teaches nothing.
    blank_ignored: bool

    crop_sizes: tuple[int, ...]
    face_sides: tuple[FaceSides, ...]
    # Share of windows that are cut anywhere at any scale, as if the image had no face. Without them what is enlarged a
    # lot always shows a large face, and the network learns to see one in anything that is enlarged.
    anywhere_rate: float
    # Share of windows that are made of four of half the side, each of an image of its own: a step shows more images.
    mosaic_rate: float
    # Largest logarithm of the ratio by which a window's width is stretched against its height.
    stretch: float
    # Share of windows shown as if the picture had been smaller and were enlarged: at inference most small faces are.
    coarse_rate: float
    # Share of windows that are rotated about their centre.
    rotate_rate: float
    max_upscale: float
    # Faces with a smaller side than this at the network's input become ignore regions.
    min_face: float
    # Shares of a face's area in the window: below the first it is background, so that the network learns that a cheek
    # is no face; from the second on it is a face; between them an ignore region.
    visible: tuple[float, float]

    # Largest change of: brightness (of 255), contrast and saturation (of 1), hue (degrees). All drawn uniformly.
    brightness: float
    contrast: float
    saturation: float
    hue: float
    # Shares of samples made grey, blurred (half by a Gaussian, half by motion), and coded as JPEG once more.
    grayscale_rate: float
    # Share of samples shown as if they had been exposed for less light (three in four) or for more.
    exposure_rate: float
    blur_rate: float
    jpeg_rate: float

    # Take another image for one that cannot be read, instead of stopping.
    skip_unreadable: bool = False
    # The longest side of the resized picture is at least this part of the window, the rest being mean colour.
    min_fill: float = 0.75
    # By how much coarse windows are shrunk and enlarged again.
    coarse_factor: tuple[float, float] = (1.2, 2.1)
    # Largest angle (degrees) of most of the rotated windows, and the share of them rotated by any angle.
    rotation: float = 45.0
    any_rotation: float = 0.1
    # Ranges of gain and power (`augmentation.expose`) of darkened samples, and of overexposed ones.
    darker: tuple[tuple[float, float], tuple[float, float]] = ((0.07, 0.6), (0.8, 1.3))
    brighter: tuple[tuple[float, float], tuple[float, float]] = ((1.3, 2.3), (0.6, 1.0))
    blur_sigma: tuple[float, float] = (0.5, 1.5)
    motion_length: tuple[int, int] = (3, 7)
    jpeg_quality: tuple[int, int] = (30, 90)


UNALTERED = PipelineOptions(
    scales=(1200,),
    max_size=1600,
    flip_rate=0.0,
    aspect_grouping=False,
    group_weights=MappingProxyType({}),
    crowd_power=0.0,
    blank_ignored=False,
    crop_sizes=(),
    face_sides=(FaceSides(8.0, 500.0),),
    anywhere_rate=0.0,
    mosaic_rate=0.0,
    stretch=0.0,
    coarse_rate=0.0,
    rotate_rate=0.0,
    max_upscale=3.0,
    min_face=6.0,
    visible=(0.0, 0.5),
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    hue=0.0,
    grayscale_rate=0.0,
    exposure_rate=0.0,
    blur_rate=0.0,
    jpeg_rate=0.0,
)
"""Whole images, each drawn once an epoch, with nothing done to them but the resize."""
