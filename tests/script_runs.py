"""Shell scripts run in a tree of their own, in which something else stands in for Python."""

import os
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "experiments" / "scripts"

ECHO = '#!/bin/bash\necho "gpu=$CUDA_VISIBLE_DEVICES $*"\nexit ${EXIT:-0}\n'
"""Says what Python was given, and returns `EXIT`."""


def make_checkout(folder, script, stand_in=ECHO):
    """Put `script`, and the program `stand_in` in the place of Python, where a checkout in `folder` has them."""
    (folder / "experiments" / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / script, folder / "experiments" / "scripts")
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(stand_in)
    python.chmod(0o755)
    return folder


def run_script(checkout, script, *arguments, **environment):
    """Run `script` in `checkout` to its end."""
    command = [str(checkout / "experiments" / "scripts" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
