"""The sizes that pictures are resized to, by names that people understand."""

from ssh_tf.utils.errors import ConfigError

_CLOSE_UP = ["TEST.CLOSE_UP", "300"]
_LARGEST_WITHOUT = 512
"""Up to this shortest side, which is the largest anchor, a face that fills the image is found without a close-up."""

SIZES = {
    "fast": ["TEST.SCALES", "[480]"],
    "balanced": ["TEST.SCALES", "[800]", *_CLOSE_UP],
    "accurate": ["TEST.SCALES", "[1200]", *_CLOSE_UP],
    "pyramid": ["TEST.SCALES", "[500, 800, 1200, 1600]"],
}
"""Name: settings, as `load_config` takes them. `docs/sizes.md` tells what each finds, and in which time."""

DEFAULT_SIZE = "accurate"
"""Of the tools that show faces; evaluation is always as the configuration says."""


_DIGITS = 9


def size_settings(size: str | int) -> list[str]:
    """The settings of a name of `SIZES`, or of a number: the shortest side in pixels (the longest stays ≤ 1600).

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(size, str) and size in SIZES:
        return list(SIZES[size])
    if not str(size).isdecimal() or len(str(size)) > _DIGITS:
        raise ConfigError(f"{size!r} is no size: {', '.join(SIZES)} or a number of pixels")
    close_up = _CLOSE_UP if int(size) > _LARGEST_WITHOUT else []
    return ["TEST.SCALES", f"[{int(size)}]", *close_up]
