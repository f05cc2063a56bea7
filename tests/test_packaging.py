"""What an installed package holds, and that it asks for all it uses."""

import ast
import importlib.metadata
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ssh_tf.utils.errors import CheckpointError, ConfigError
from ssh_tf.utils.resources import config_path, model_path

ROOT = Path(__file__).parent.parent
DISTRIBUTION = "ssh-face-detector"
INSTALLED_TOOLS = [*(ROOT / "tools").glob("*.py"), *(ROOT / "tools/measuring").glob("*.py")]
IMPORT_NAMES = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "google": "protobuf",
}
"""Where a module is not called as what one installs."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `pip install` copies, without what it compiles."""
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in ("lib", "tools", "experiments/cfgs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
        shutil.copytree(ROOT / folder, checkout / folder, ignore=ignored)
    for file in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / file, checkout)
    (checkout / "README.md").touch()
    (checkout / "data/models").mkdir(parents=True)
    (checkout / "data/models/tiny.pb").write_bytes(b"a graph")
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(target)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return target


def test_every_module_is_installed(installed):
    here = {path.relative_to(ROOT / "lib") for path in (ROOT / "lib").rglob("*.py")}
    here |= {Path("ssh_tools") / path.relative_to(ROOT / "tools") for path in INSTALLED_TOOLS}
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == here


def test_types_of_the_extensions_are_installed_and_their_sources_are_not(installed):
    suffixes = {path.suffix for path in installed.rglob("*") if path.is_file()}
    assert suffixes == {".py", ".pyi", ".typed", ".pb", ".yml"}


def test_models_and_settings_are_found_in_an_installed_package(installed, tmp_path):
    program = (
        "from ssh_tf.utils.resources import config_path, model_names, model_path\n"
        "print(*map(model_path, model_names()), config_path('vgg16_faces'), sep='\\n')"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, check=True, capture_output=True, text=True
    )
    model, config = map(Path, result.stdout.split("\n")[:2])
    assert model == installed / "ssh_tf/resources/models/tiny.pb"
    assert model.read_bytes() == b"a graph"
    assert config.read_bytes() == (ROOT / "experiments/cfgs/vgg16_faces.yml").read_bytes()


def test_settings_are_found_in_the_checkout():
    assert config_path("vgg16_faces") == ROOT / "experiments/cfgs/vgg16_faces.yml"


def test_what_does_not_come_with_the_package_is_named_and_the_rest_listed():
    with pytest.raises(ConfigError, match=r"no \.yml file named 'vgg61' .*vgg16"):
        config_path("vgg61")
    with pytest.raises(CheckpointError, match="no model named 'vgg61'"):
        model_path("vgg61")


_SCRIPTS = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.scripts]")[2].partition("[")[0]
COMMANDS = dict(re.findall(r'^(\S+) = "(\S+)"$', _SCRIPTS, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_tools(command, monkeypatch, capsys):
    run = pkgutil.resolve_name(COMMANDS[command])
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with pytest.raises(SystemExit) as leaving:
        run()
    assert leaving.value.code == 0
    assert f"usage: {command} " in capsys.readouterr().out
    assert f"The command `{command}`." == run.__doc__


def test_every_import_is_asked_for():
    requirements = importlib.metadata.requires(DISTRIBUTION) or []
    asked_for = {re.split(r"[\s\[<>=!;]", requirement, maxsplit=1)[0].lower() for requirement in requirements}
    ours = {"ssh_tf", "ssh_ms", "ssh_tools"}
    used = set()
    for path in [*(ROOT / "lib").rglob("*.py"), *INSTALLED_TOOLS]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                used.add(node.module.split(".")[0])
    used -= ours | set(sys.stdlib_module_names)
    assert {IMPORT_NAMES.get(name, name).replace("_", "-") for name in used} <= asked_for
