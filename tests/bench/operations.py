"""Where the time of a guided step goes: the UNet's own operations, the fusers', ScaleU's.

    python tests/bench/operations.py [--size 512]

One core, weights of the real size (tests/bench/cost.py makes them), the full case beside the plain one. Of each kind of operation: its seconds of
this process, and the multiply-adds it did in a second. Writes results/operations_SIZE.json beside this file and prints a table.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import comfy.utils
import torch
from bench.cases import Models, sample
from instdiff.instdiff_modules.sampling.patches import FuserPatch, ScaleUPatch
from support.environment import home
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

HERE = Path(__file__).resolve().parent
KINDS = {"attention": "attention", "convolution": "convolutions", "mm": "matrix products"}
REST = "all else"
PLACES = ("UNet", "fusers", "ScaleU")


class Ledger(TorchDispatchMode):
    """Seconds and multiply-adds of every operation, by (place, kind)."""

    def __init__(self) -> None:
        super().__init__()
        self.place = PLACES[0]
        self.seconds, self.work = defaultdict(float), defaultdict(float)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = func._overloadpacket.__name__
        if func._overloadpacket not in flop_registry and "attention" not in name:
            with self:  # what is made of other operations is counted as those
                out = func.decompose(*args, **(kwargs or {}))
            if out is not NotImplemented:
                return out
        before = time.process_time()
        out = func(*args, **(kwargs or {}))
        spent = time.process_time() - before
        key = self.place, next((words for part, words in KINDS.items() if part in name), REST)
        self.seconds[key] += spent
        self.work[key] += multiply_adds(func._overloadpacket, args, kwargs or {}, out)
        return out

    def inside(self, place: str, call: Any) -> Any:
        """The call of a patch, with what it does booked on its place."""

        def run(*args: Any, **kwargs: Any) -> Any:
            before, self.place = self.place, place
            try:
                return call(*args, **kwargs)
            finally:
                self.place = before

        return run


def multiply_adds(operation: Any, args: tuple, kwargs: dict, out: Any) -> float:
    """Of one operation; 0 for what only moves or adds."""
    if "attention" in operation.__name__:  # q (B, heads, n, d), k (B, heads, m, d), v (B, heads, m, e)
        q, k, v = args[:3]
        return q[..., 0].numel() * k.shape[-2] * (k.shape[-1] + v.shape[-1])
    return flop_registry[operation](*args, **kwargs, out_val=out) / 2 if operation in flop_registry else 0


def measure(models: Models, case: str, size: int) -> Ledger:
    """One guided step, after one that fills the caches."""
    model, ledger = models.case(case), Ledger()
    calls = {FuserPatch: "fusers", ScaleUPatch: "ScaleU"}
    before = {kind: kind.__call__ for kind in calls}
    try:
        for kind, place in calls.items():
            kind.__call__ = ledger.inside(place, before[kind])
        starts: list[tuple[dict, dict]] = []

        def stepped(*_: Any) -> None:
            starts.append((dict(ledger.seconds), dict(ledger.work)))

        with ledger:
            sample(models, model, size, 2, callback=stepped)
    finally:
        for kind, call in before.items():
            kind.__call__ = call
    for book, first in zip((ledger.seconds, ledger.work), starts[0], strict=True):
        for key, value in first.items():
            book[key] -= value
    return ledger


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--weights", type=Path, help="folder of the random weights (default: beside quickstart's ComfyUI)"
    )
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    comfy.utils.PROGRESS_BAR_ENABLED = False
    rounds = []
    with torch.inference_mode():
        models = Models(args.weights or home() / "bench" / ("tiny" if args.tiny else "full"), args.tiny)
        for _ in range(args.rounds):
            rounds.append({case: measure(models, case, args.size) for case in ("plain", "full")})
    keys = sorted(
        {key for one in rounds for ledger in one.values() for key in ledger.seconds},
        key=lambda key: (PLACES.index(key[0]), key[1]),
    )
    rows = []
    for place, kind in keys:
        row: dict[str, Any] = {"place": place, "kind": kind}
        for case in ("plain", "full"):
            row[case] = round(statistics.median(one[case].seconds.get((place, kind), 0.0) for one in rounds), 3)
            row[f"{case} multiply-adds"] = round(rounds[0][case].work.get((place, kind), 0.0) / 1e9, 1)
        rows.append(row)
    totals = {case: sum(row[case] for row in rows) for case in ("plain", "full")}
    print(
        f"seconds of one guided step at {args.size}x{args.size}: plain {totals['plain']:.2f}, "
        f"full {totals['full']:.2f}, ratio {totals['full'] / totals['plain']:.3f}"
    )
    print(
        "| where | what | plain, s | full, s | 10^9 multiply-adds, full | of them a second |\n|---|---|---|---|---|---|"
    )
    for row in rows:
        rate = f"{row['full multiply-adds'] / row['full']:.0f}" if row["full multiply-adds"] and row["full"] else "-"
        print(
            f"| {row['place']} | {row['kind']} | {row['plain']:.2f} | {row['full']:.2f} | {row['full multiply-adds']:.0f} | {rate} |"
        )
    if not args.tiny:
        (HERE / "results" / f"operations_{args.size}.json").write_text(
            json.dumps({"size": args.size, "rounds": args.rounds, "rows": rows}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
