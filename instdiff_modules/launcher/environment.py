"""The environment that child Pythons get."""

from __future__ import annotations

import os
from pathlib import Path


def clean_environment(temp: Path | None = None) -> dict[str, str]:
    """Ours, without the module paths and pip targets of another Python. temp: the folder for temporary files, if not the usual one."""
    drop = {"PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    places = {} if temp is None else dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temp))
    # Threads that wait must sleep: on a busy CPU, spinning ones made sampling 20 times slower (measured).
    return {"OMP_WAIT_POLICY": "PASSIVE", **kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **places}
