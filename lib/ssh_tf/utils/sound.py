"""The sound of a video, carried over to a copy of it by the program ffmpeg, where there is one."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from ssh_tf.utils.errors import ImageError, one_line

_LONGEST = 3600
"""Seconds after which ffmpeg is not waited for."""

_REASON = 200
"""Characters of what ffmpeg says of itself."""

_SLACK = 1.001
"""OpenCV rounds frame rates, so that a video may be a little longer than it should be: no picture is to be cut off."""


def find_ffmpeg() -> str | None:
    """The program: the one on the PATH, or that of the package imageio-ffmpeg; None if there is neither."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def add_sound(video: Path, origin: str, seconds: float) -> None:
    """Give `video`, an MP4 file of `seconds` without sound, that of the file `origin`, as far as both go.

    It has none where there is no ffmpeg, or no sound.

    Raises:
        ImageError: ffmpeg failed; `video` is as it was.
    """
    program = find_ffmpeg()
    if program is None or not os.path.isfile(origin):
        return
    target = video.with_name(f"{video.stem}-sound{video.suffix}")
    # Absolute paths, so that none is taken for an option or an address.
    inputs = ["-i", os.path.abspath(video), "-i", os.path.abspath(origin)]
    streams = ["-map", "0:v:0", "-map", "1:a:0?", "-map_metadata", "-1", "-c:v", "copy", "-c:a", "aac"]
    # Not -shortest, which would cut the pictures where the sound ends first.
    output = ["-t", f"{seconds * _SLACK:.6f}", os.path.abspath(target)]
    try:
        command = [program, "-nostdin", "-y", "-loglevel", "error", *inputs, *streams, *output]
        subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST)
        target.replace(video)
    except (OSError, subprocess.SubprocessError) as error:
        with suppress(OSError):
            target.unlink()
        said = getattr(error, "stderr", None) or str(error).encode()
        reason = one_line(said.decode(errors="replace").strip())[:_REASON]
        raise ImageError(f"{origin}: its sound could not be carried over, ffmpeg failed: {reason}") from error
