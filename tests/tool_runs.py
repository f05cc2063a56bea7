"""Many runs of tools in one fresh process."""

import json
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[1] / "tools"
HEAVY = ("cv2", "keras", "matplotlib", "mindspore", "onnx", "onnxruntime", "pyarrow", "ray", "tensorflow", "tf_slim")

PROGRAM = """
import contextlib, io, json, runpy, sys

class FullDisk(io.TextIOWrapper):
    def __init__(self):
        super().__init__(open("/dev/full", "wb"))

    def getvalue(self):
        return ""

def run(tool, arguments):
    output, errors = io.StringIO(), io.StringIO()
    if arguments[-1:] == [">/dev/full"]:
        output, arguments = FullDisk(), arguments[:-1]
    sys.argv = [tool, *arguments]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            runpy.run_path(tool, run_name="__main__")
        except SystemExit as left:
            code = left.code
    return [code, output.getvalue(), errors.getvalue(), sorted(set(heavy) & set(sys.modules))]

commands, heavy = json.loads(sys.argv[1])
json.dump([run(*command) for command in commands], sys.stdout)
"""


def run_all(commands, before=""):
    """Run tools one after the other in one process, behind the Python statements `before`; as in a shell, an argument
    ">/dev/full" at the end is where the output goes.

    Returns, for each, its exit code, output and errors, and which of `HEAVY` are loaded by then.
    """
    commands = [(str(TOOLS / tool), arguments) for tool, *arguments in commands]
    command = [sys.executable, "-c", f"{before}\n{PROGRAM}", json.dumps([commands, HEAVY])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
