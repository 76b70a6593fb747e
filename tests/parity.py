"""Compare this pack with the authors' implementation, number by number.

    python tests/parity.py DIR

DIR holds golden manifests (caseN_*.json, and tN_*.json of training, each with its .safetensors; see the README of such a set). One row per
comparison is printed: name, largest absolute and relative error, the manifest's tolerance, pass or fail. The exit
code is 1 if any fails; a case that is not known here is a failure too.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # the modules below need the pack's alias and ComfyUI
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from support.environment import prepare

    prepare(__file__)

import torch
from support.goldens import load_manifest
from support.parity_eligen import ELIGEN_CASES
from support.parity_networks import NETWORK_CASES, Row
from support.parity_preprocess import PREPROCESS_CASES
from support.parity_sampling import SAMPLING_CASES
from support.parity_training import TRAINING_CASES
from support.parity_training_steps import STEP_CASES
from support.parity_unet import UNET_CASES

CASES: dict[str, Callable[..., Iterator[Row]]] = {
    **NETWORK_CASES,
    **PREPROCESS_CASES,
    **UNET_CASES,
    **SAMPLING_CASES,
    **TRAINING_CASES,
    **STEP_CASES,
    **ELIGEN_CASES,
}


def errors(row: Row) -> tuple[float, float, bool]:
    """(max abs error, max rel error, pass). Shapes that differ, or NaN, fail."""
    if row.ours.shape != row.golden.shape:
        return float("inf"), float("inf"), False
    if row.golden.numel() == 0:
        return 0.0, 0.0, True
    difference = (row.ours.cpu().double() - row.golden.double()).abs()
    worst = difference.max().item()
    relative = worst / max(row.golden.double().abs().max().item(), 1e-30)
    return worst, relative, worst <= row.atol


def check(folder: Path) -> Iterator[tuple[str, float, float, float, bool, str]]:
    """(name, max abs, max rel, tolerance, pass, remark) of every comparison of every manifest in the folder."""
    manifests = sorted([*folder.glob("case*.json"), *folder.glob("t[0-9]_*.json")])
    if not manifests:
        raise SystemExit(f"Expected golden manifests (case*.json, t*.json) in {folder}, found none.")
    for path in manifests:
        manifest, tensors = load_manifest(path)
        run = next((run for name, run in CASES.items() if path.stem.startswith(name)), None)
        # the rules of training are one entry, the manifest itself
        for entry in manifest.get("cases", [manifest]):
            yield from _check_entry(entry, tensors, manifest, path, run)


def _check_entry(entry: Any, tensors: Any, manifest: Any, path: Path, run: Any) -> Iterator[tuple]:
    name = f"{path.stem}/{entry.get('id', '?')}"
    unknown = (name, float("inf"), float("inf"), 0.0, False)
    if run is None:
        yield (*unknown, "unknown case: no comparison is written for this manifest")
        return
    try:
        # a GPU's TF32 is not the arithmetic of the authors' numbers, whose bounds are those of float32
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            rows = list(
                run(entry, tensors) if run in NETWORK_CASES.values() else run(entry, tensors, manifest, path.parent)
            )
    except (
        ValueError,
        KeyError,
        RuntimeError,
        IndexError,
        TypeError,
    ) as error:  # one broken case must not hide the others
        yield (*unknown, f"{type(error).__name__}: {error}")
        return
    if not rows:
        yield (*unknown, "nothing was compared")
    for row in rows:
        worst, relative, passed = errors(row)
        yield f"{name}/{row.label}", worst, relative, row.atol, passed, ""


def main(folder: str) -> int:
    failed = count = 0
    print(f"{'case':84} {'max abs':>10} {'max rel':>10} {'atol':>8}")
    for name, worst, relative, atol, passed, remark in check(Path(folder)):
        count, failed = count + 1, failed + (not passed)
        print(
            f"{name:84} {worst:10.2e} {relative:10.2e} {atol:8.0e} {'pass' if passed else 'FAIL'} {remark}", flush=True
        )
    print(f"{count - failed} of {count} comparisons pass.")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    raise SystemExit(main(sys.argv[1]))
