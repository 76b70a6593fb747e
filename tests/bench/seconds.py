"""Seconds and multiply-adds of one guided step on a CPU, by place and kind of operation."""

import statistics
import time
from collections import defaultdict
from typing import Any

from bench.booking import PLACES, Book, patches_within, second_step
from bench.cases import Models
from torch.utils.flop_counter import flop_registry

KINDS = {"attention": "attention", "convolution": "convolutions", "mm": "matrix products"}
REST = "all else"
CASES = ("plain", "full")
Key = tuple[str, str]  # place, kind


class Ledger(Book):
    """Seconds of this process and multiply-adds, by (place, kind)."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[Key, float] = defaultdict(float)
        self.work: dict[Key, float] = defaultdict(float)

    def book(self, func: Any, args: tuple, kwargs: dict) -> Any:
        before = time.process_time()
        out = func(*args, **kwargs)
        spent = time.process_time() - before
        name = func._overloadpacket.__name__
        key = self.place, next((words for part, words in KINDS.items() if part in name), REST)
        self.seconds[key] += spent
        self.work[key] += multiply_adds(func._overloadpacket, args, kwargs, out)
        return out


def multiply_adds(operation: Any, args: tuple, kwargs: dict, out: Any) -> float:
    """Of one operation; 0 for what only moves or adds."""
    if "attention" in operation.__name__:  # q (B, heads, n, d), k (B, heads, m, d), v (B, heads, m, e)
        q, k, v = args[:3]
        return q[..., 0].numel() * k.shape[-2] * (k.shape[-1] + v.shape[-1])
    return flop_registry[operation](*args, **kwargs, out_val=out) / 2 if operation in flop_registry else 0


def measure(models: Models, case: str, size: int) -> Ledger:
    """One guided step, after one that fills the caches."""
    ledger = Ledger()

    def begin() -> None:
        ledger.seconds.clear()
        ledger.work.clear()

    with patches_within(ledger.within), ledger:
        second_step(models, case, size, 1, begin, lambda: None)
    return ledger


def rows(models: Models, size: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each place and kind: median seconds and 10^9 multiply-adds of each case."""
    found = [{case: measure(models, case, size) for case in CASES} for _ in range(rounds)]
    keys = {key for one in found for ledger in one.values() for key in ledger.seconds}
    result = []
    for place, kind in sorted(keys, key=lambda key: (PLACES.index(key[0]), key[1])):
        row: dict[str, Any] = {"place": place, "kind": kind}
        for case in CASES:
            row[case] = round(statistics.median(one[case].seconds.get((place, kind), 0.0) for one in found), 3)
            row[f"{case} multiply-adds"] = round(found[0][case].work.get((place, kind), 0.0) / 1e9, 1)
        result.append(row)
    return result


def table(rows: list[dict[str, Any]], size: int) -> str:
    """Markdown, after a line with the totals."""
    totals = {case: sum(row[case] for row in rows) for case in CASES}
    lines = [
        f"seconds of one guided step at {size}x{size}: plain {totals['plain']:.2f}, full {totals['full']:.2f},"
        f" ratio {totals['full'] / totals['plain']:.3f}",
        "| where | what | plain, s | full, s | 10^9 multiply-adds, full | of them a second |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        work, spent = row["full multiply-adds"], row["full"]
        rate = f"{work / spent:.0f}" if work and spent else "-"
        lines.append(f"| {row['place']} | {row['kind']} | {row['plain']:.2f} | {spent:.2f} | {work:.0f} | {rate} |")
    return "\n".join(lines)
