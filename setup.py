"""What pyproject.toml cannot say: the extensions, and the models and settings that an installed package carries.

The CUDA extension is optional. It is built where `nvcc` is found, for the GPUs that are here or for those that the
variable CUDA_ARCH names (`CUDA_ARCH=sm_90`, or several: `sm_80,sm_90`).
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

SOURCE = Path("lib/ssh_tf")
CARRIED = {"models": ("data/models", ("*.pb", "*.onnx")), "cfgs": ("experiments/cfgs", ("*.yml",))}
OLDEST_ARCH = 75
"""Turing: the oldest GPUs that current toolkits compile for."""

# Overlaps are compared with thresholds and with each other, and every implementation must come to the same number, so
# none may fuse a multiplication with an addition. Sources do not include NumPy's headers: the builds fit any NumPy.
COMPILE_FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]
NVCC_FLAGS = ["-O3", "-std=c++17", "-fmad=false", "-Xcompiler=-fPIC,-ffp-contract=off", "-shared"]


def extension(*sources: str, **options: object) -> Extension:
    name = ".".join(("lib" / Path(sources[0])).with_suffix("").parts[1:])
    return Extension(
        name,
        [f"lib/{source}" for source in sources],
        include_dirs=[str(SOURCE / "utils"), str(SOURCE / "nms")],
        depends=[str(header) for header in SOURCE.glob("*/*.h")],
        extra_compile_args=COMPILE_FLAGS,
        **options,
    )


def requested_archs() -> list[int]:
    """What CUDA_ARCH names: 90 for sm_90; none where it is not set."""
    archs = set()
    for name in os.environ.get("CUDA_ARCH", "").replace(",", " ").split():
        number = re.fullmatch(r"sm_(\d{2,3})", name)
        if number is None or int(number[1]) < OLDEST_ARCH:
            sys.exit(f"error: CUDA_ARCH: expected sm_{OLDEST_ARCH} or later, such as sm_90, got {name!r}")
        archs.add(int(number[1]))
    return sorted(archs)


def present_archs() -> list[int]:
    """The GPUs of this machine, by its driver."""
    try:
        query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
        lines = subprocess.run(query, capture_output=True, check=True, text=True, timeout=60).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []
    archs = {int(line.replace(".", "")) for line in lines if re.fullmatch(r"\d+\.\d", line)}
    return sorted(arch for arch in archs if arch >= OLDEST_ARCH)


def cuda_archs() -> list[int]:
    """GPUs to build for; none, with the reason on standard error, where there is no building."""
    if shutil.which("nvcc") is None:
        if REQUESTED:
            print("CUDA extension: not built, CUDA_ARCH is set but nvcc is not on the PATH", file=sys.stderr)
        return []
    archs = REQUESTED or present_archs()
    if not archs:
        print("CUDA extension: not built, nvcc found no GPU to build for (set CUDA_ARCH=sm_90, say)", file=sys.stderr)
    return archs


class BuildExtensions(build_ext):
    """Has nvcc compile and link what holds CUDA: it knows where its own headers and run-time library are."""

    def build_extension(self, ext: Extension) -> None:
        if not any(source.endswith(".cu") for source in ext.sources):
            super().build_extension(ext)
            return
        # setuptools then prints what went wrong and goes on. Cython would drop this if it was said earlier.
        ext.optional = True
        target = Path(self.get_ext_fullpath(ext.name))
        newest = max(Path(source).stat().st_mtime for source in [*ext.sources, *ext.depends])
        # Which GPUs an earlier build was for is not known, so naming some builds anew.
        if not REQUESTED and not self.force and target.exists() and target.stat().st_mtime > newest:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        folders = [*ext.include_dirs, sysconfig.get_path("include")]
        # Machine code for each GPU, and the oldest one's portable code for those still to come.
        archs = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in ARCHS]
        archs.append(f"-gencode=arch=compute_{ARCHS[0]},code=compute_{ARCHS[0]}")
        command = ["nvcc", *NVCC_FLAGS, *archs, *(f"-I{folder}" for folder in folders), *ext.sources, "-o", str(target)]
        result = subprocess.run(command, capture_output=True, check=False, text=True)
        if result.returncode != 0:
            raise CompileError(f"nvcc: {(result.stderr or result.stdout).strip()}")
        print(f"CUDA extension: built for {', '.join(f'sm_{arch}' for arch in ARCHS)}", file=sys.stderr)


class BuildPackage(build_py):
    """Adds the files that a checkout keeps outside lib/; `ssh_tf.utils.resources` finds them in either place."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name, (folder, patterns) in CARRIED.items():
            target = Path(self.build_lib, "ssh_tf/resources", name)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for pattern in patterns:
                for file in Path(folder).glob(pattern):
                    shutil.copy2(file, target)


REQUESTED = requested_archs()
ARCHS = cuda_archs()
EXTENSIONS = [extension("ssh_tf/layer_utils/box_overlaps.pyx"), extension("ssh_tf/nms/cpu_nms.pyx")]
if ARCHS:
    EXTENSIONS.append(extension("ssh_tf/nms/gpu_nms.pyx", "ssh_tf/nms/nms_kernel.cu", language="c++"))

setup(
    package_dir={"": "lib", "ssh_tools": "tools"},
    packages=[*find_packages("lib"), "ssh_tools", "ssh_tools.measuring"],
    ext_modules=cythonize(EXTENSIONS, build_dir="build", quiet=True),
    cmdclass={"build_ext": BuildExtensions, "build_py": BuildPackage},
)
