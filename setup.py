"""The compiled parts; everything else about the package is in pyproject.toml."""

import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).parent
PACKAGES = Path("lib/ssh_tf")

# Overlaps are compared with thresholds and with each other: every implementation must round alike, so no fused
# multiply-adds, which a compiler may otherwise form on processors that have them.
COMPILE_FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]


def cython_extension(source: Path) -> Extension:
    name = ".".join(source.relative_to("lib").with_suffix("").parts)
    return Extension(
        name,
        [str(source)],
        include_dirs=[str(PACKAGES / "utils")],
        depends=[str(PACKAGES / "utils/box_iou.h")],
        extra_compile_args=COMPILE_FLAGS,
    )


setup(
    package_dir={"": "lib", "ssh_tools": "tools"},
    packages=[*find_packages("lib"), "ssh_tools"],
    ext_modules=cythonize(
        [cython_extension(PACKAGES / path) for path in ("layer_utils/box_overlaps.pyx", "nms/cpu_nms.pyx")],
        build_dir="build",
    ),
)
