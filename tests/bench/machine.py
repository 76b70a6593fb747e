"""The machine that figures belong to, its clock and its memory."""

import contextlib
import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import comfy.model_management
import comfyui_version
import torch
from support.pack import ROOT

MEASURED = (
    "nodes/apply*",
    "nodes/branched_run",
    "nodes/cfg_functions",
    "nodes/model*",
    "nodes/operations",
    "nodes/patching",
    "nodes/prepared_conds",
    "nodes/prompts",
    "nodes/sampler",
    "instdiff_modules/grounding/*",
    "instdiff_modules/networks/*",
    "instdiff_modules/sampling/*",
)
MEASURING = ("arithmetic", "cases", "counting", "machine", "measuring")


def describe(device: str) -> dict[str, str | int]:
    """What a reader must know to compare figures."""
    place = comfy.model_management.get_torch_device()
    return {
        "device": torch.cuda.get_device_name(place) if device == "cuda" else processor(),
        "threads": torch.get_num_threads() if device == "cpu" else 0,
        "cores": os.cpu_count() or 0,
        "attention": "pytorch",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "comfyui": comfyui_version.__version__,
    }


def processor() -> str:
    """Name of the CPU."""
    try:
        return re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def commit() -> str:
    """Commit of the sources, with a + where they were changed since; "unknown" outside a git checkout."""
    try:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def code() -> str:
    """Digest of what is measured and of what measures: figures of another code are not continued."""
    digest = hashlib.sha1()
    measured = [path for part in MEASURED for path in sorted(ROOT.glob(f"{part}.py"))]
    for path in (*measured, *(ROOT / "tests" / "bench" / f"{name}.py" for name in MEASURING)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def clock(device: str) -> Callable[[], float]:
    """Seconds. On one core those that this process had the core, so that a neighbour's work does not count."""
    if device == "cuda":

        def synchronized() -> float:
            torch.cuda.synchronize()
            return time.perf_counter()

        return synchronized
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


class PeakMemory:
    """Highest use of memory since `restart`, in bytes: the GPU's, or on a CPU the process's (Linux; else None)."""

    def __init__(self, device: str) -> None:
        self.device = device

    def restart(self) -> None:
        if self.device == "cuda":
            comfy.model_management.unload_all_models()  # else the plain run would still hold the fusers
            comfy.model_management.soft_empty_cache()
            torch.cuda.reset_peak_memory_stats()
            return
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def read(self) -> int | None:
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        try:
            return (
                int(re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.M)[1])
                * 1024
            )
        except (OSError, TypeError):
            return None
