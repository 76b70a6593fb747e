"""Which torch build fits this machine. Looking (detect) and deciding (torch_plan) are separate."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .errors import Stopped

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 14)
TORCH_INDEX = "https://download.pytorch.org/whl/"
CPU_TORCH = "2.13.0"


@dataclass(frozen=True)
class Machine:
    """What is known of a computer. `cuda` is the newest CUDA its NVIDIA driver runs, as (13, 0)."""

    system: str  # platform.system(): "Linux", "Windows", "Darwin"
    arch: str  # "x86_64", "arm64"
    python: tuple[int, int]
    cuda: tuple[int, int] | None = None
    rocm: bool = False


@dataclass(frozen=True)
class TorchPlan:
    """How to install torch. `light` leaves out what a first try on a CPU does not need."""

    name: str
    words: str
    packages: tuple[str, ...]
    pip_args: tuple[str, ...] = ()
    light: bool = False

    @property
    def room(self) -> str:
        """What the whole environment takes on the disk; CUDA's and ROCm's libraries are most of it."""
        return "about 2 GB" if self.light or self.name == "apple" else "several GB"


def detect() -> Machine:
    """Look at this machine; runs nothing that needs rights or network."""
    system, arch = platform.system(), platform.machine().lower().replace("amd64", "x86_64")
    rocm = system == "Linux" and (Path("/dev/kfd").exists() or shutil.which("rocminfo") is not None)
    return Machine(system, arch, sys.version_info[:2], _cuda_of_driver(system), rocm)


def check_python(python: tuple[int, int]) -> None:
    """Stop with a sentence if ComfyUI cannot run on this Python."""
    if not OLDEST_PYTHON <= python <= NEWEST_PYTHON:
        oldest, newest, here = (".".join(map(str, v)) for v in (OLDEST_PYTHON, NEWEST_PYTHON, python))
        raise Stopped(
            f"ComfyUI needs Python {oldest} to {newest}, but this is Python {here}. "
            f"Install one of these (python.org) and start quickstart.py with it, for example: python3.12 quickstart.py"
        )


def torch_plan(machine: Machine, cpu_index_answers: bool) -> TorchPlan:
    """The torch build for a machine. `cpu_index_answers`: PyTorch's index of CPU builds is reachable."""
    ordinary = ("torch", "torchvision", "torchaudio")
    if machine.system == "Darwin":
        if machine.arch != "arm64":
            raise Stopped(
                "This is a Mac with an Intel processor, for which PyTorch is no longer made (the last was 2.2). "
                "ComfyUI needs a newer one: use a Mac with an Apple chip, or Linux or Windows."
            )
        return TorchPlan("apple", "PyTorch for Apple chips", ordinary)
    if machine.cuda and machine.cuda >= (13, 0):
        return TorchPlan("nvidia", "PyTorch for NVIDIA", ordinary, ("--extra-index-url", TORCH_INDEX + "cu130"))
    if machine.cuda and machine.cuda >= (12, 0):
        # an older driver: builds for CUDA 12.6 run on every driver for CUDA 12
        return TorchPlan("nvidia12", "PyTorch for NVIDIA (CUDA 12)", ordinary, ("--index-url", TORCH_INDEX + "cu126"))
    if machine.rocm:
        return TorchPlan("amd", "PyTorch for AMD (ROCm)", ordinary, ("--index-url", TORCH_INDEX + "rocm7.2"))
    words = "PyTorch for the CPU"
    if machine.cuda:
        words += " (the NVIDIA driver here is older than CUDA 12; with a newer driver the GPU would be used)"
    if machine.system == "Linux" and cpu_index_answers:
        pinned = (f"torch=={CPU_TORCH}", *ordinary[1:])
        return TorchPlan("cpu", words, pinned, ("--index-url", TORCH_INDEX + "cpu"), light=True)
    # torchvision and torchaudio follow when it is known which build the package index gave (install.py)
    return TorchPlan("cpu-pypi", words, (f"torch=={CPU_TORCH}",), light=True)


def cpu_index_answers(timeout: float = 5.0) -> bool:
    """Whether PyTorch's own index can be reached; a machine may be allowed PyPI alone."""
    try:
        with urllib.request.urlopen(TORCH_INDEX + "cpu/torchaudio/", timeout=timeout) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _cuda_of_driver(system: str) -> tuple[int, int] | None:
    """Ask the NVIDIA driver itself, then nvidia-smi; None without a driver or without a GPU."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if system == "Windows" else "libcuda.so.1")
        version, count = ctypes.c_int(), ctypes.c_int()
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
            return None
        driver.cuDriverGetVersion(ctypes.byref(version))
        return version.value // 1000, version.value % 1000 // 10
    except (OSError, AttributeError):
        pass  # no such library: perhaps it is only not on the search path
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        said = subprocess.run([tool], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"CUDA Version:\s*(\d+)\.(\d+)", said.stdout)
    return (int(found[1]), int(found[2])) if said.returncode == 0 and found else None
