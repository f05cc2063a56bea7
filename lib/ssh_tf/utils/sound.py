"""The sound of a video, carried over to a copy of it by the program ffmpeg, where there is one."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

_LONGEST = 3600
"""Seconds after which ffmpeg is not waited for."""


def add_sound(video: Path, origin: str) -> bool:
    """Give `video`, an MP4 file without sound, that of the file `origin`; whether it has some now.

    It stays as it was where there is no ffmpeg or no sound, or ffmpeg fails.
    """
    program = shutil.which("ffmpeg")
    if program is None or not os.path.isfile(origin):
        return False
    target = video.with_name(f"{video.stem}-sound{video.suffix}")
    # Absolute paths, so that none is taken for an option or an address.
    inputs = ["-i", os.path.abspath(video), "-i", os.path.abspath(origin)]
    streams = ["-map", "0:v:0", "-map", "1:a:0", "-map_metadata", "-1", "-c:v", "copy", "-c:a", "aac", "-shortest"]
    command = [program, "-nostdin", "-y", "-loglevel", "error", *inputs, *streams, os.path.abspath(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST)
        target.replace(video)
    except (OSError, subprocess.SubprocessError):
        with suppress(OSError):
            target.unlink()
        return False
    return True
