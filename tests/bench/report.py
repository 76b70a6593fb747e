"""Figures of tests/bench/cost.py and tests/bench/operations.py as Markdown tables, and a plot.

python tests/bench/report.py FILE [--plot PNG]        FILE: what cost.py --json wrote

tests/bench/write_pages.py puts the same tables into web/about/cost.md.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

WORDS = {
    "scaleu": "ScaleU alone",
    "fusers": "fusers alone",
    "full": "full, 4 instances",
    "outside": "full, outside start..end",
    "masked": "full, masked attention (finest level)",
}
Data = dict[str, Any]


def markdown(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table. The first column is text, the others are figures or short."""
    lines = [list(map(str, line)) for line in (head, *rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" if line[0] != "---" else "|---" * len(line) + "|" for line in lines)


def rounded(value: float, digits: int = 2) -> str:
    """0.615 -> "0.62": halves go up, as a reader expects of a figure that the file holds with three digits."""
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def machine(data: Data) -> str:
    """What the figures belong to, and how they were taken, as a paragraph."""
    about, rounds = data["machine"], _rounds(data)
    threads = {0: "", 1: ", one core"}.get(about["threads"], f", {about['threads']} threads")
    plain = sorted(data["seconds"].items(), key=lambda item: _size_order(item[0].partition("_")[2]))
    steps = ", ".join(f"{_time(seconds)} at {_size(name.partition('_')[2])}" for name, seconds in plain)
    number = f"{rounds[0]}" if rounds[0] == rounds[-1] else f"{rounds[0]} to {rounds[-1]}"
    return (
        f"{about['device']}{threads}, torch {about['torch']}, ComfyUI {about['comfyui']}, commit {data['commit']}. A plain guided step"
        f" takes {steps}. Medians of {number} rounds of {data['settings']['steps']} steps, the spread in brackets."
    )


def steps(data: Data) -> str:
    """Time of a guided step over a plain one: a row for each case, a figure and its limit for each size; empty if none was measured."""
    names = [name for name in data["ratios"] if not name.startswith("mis")]
    if not names:
        return ""
    sizes = sorted({name.partition("_")[2] for name in names}, key=_size_order)
    head = ["a step, over a plain one", *(cell for size in sizes for cell in (_size(size), "limit"))]
    rows = []
    for case in sorted({name.partition("_")[0] for name in names}, key=_case_order):
        known = [f"{case}_{size}" for size in sizes]
        rows.append([_case(case), *(cell for name in known for cell in _ratio(data, name))])
    return markdown(head, rows)


def branches(data: Data) -> str:
    """Time of a run with multi-instance sampling over one without, by the number of instances; empty if none was measured."""
    numbers = sorted({int(name[3:].partition("_")[0]) for name in data["ratios"] if name.startswith("mis")})
    if not numbers:
        return ""
    size = next(one["size"] for one in data["rounds"] if one["case"].startswith("mis"))
    head = [
        f"instances in multi-instance sampling, {_size(str(size))}, 20 steps, share 0.2, over none",
        *("exact", "limit", "two groups", "limit"),
    ]
    return markdown(head, [[n, *_ratio(data, f"mis{n}_exact"), *_ratio(data, f"mis{n}_fast")] for n in numbers])


def gpu(data: Data) -> str:
    """Time that the GPU works in a step and kernels that it launches, over the plain step; empty if none was measured."""
    found = data.get("gpu") or {}
    names = [name for name in found if not name.startswith(("mis", "plain"))]
    if not names:
        return ""
    sizes = sorted({name.partition("_")[2] for name in names}, key=_size_order)
    head = [
        "a step, over a plain one",
        *(f"{_size(size)}: {what}" for size in sizes for what in ("GPU time", "kernels")),
    ]
    plain = [found[f"plain_{size}"] for size in sizes]
    rows = [["plain", *(cell for p in plain for cell in (_time(p["seconds"]), f"{p['kernels']:,}"))]]
    for case in sorted({name.partition("_")[0] for name in names}, key=_case_order):
        cells = []
        for size, p in zip(sizes, plain, strict=True):
            one = found.get(f"{case}_{size}")
            cells += [f"{one['seconds'] / p['seconds']:.2f}", f"{one['kernels'] - p['kernels']:+d}"] if one else "--"
        rows.append([_case(case), *cells])
    return markdown(head, rows)


def tokenizer(data: Data) -> str:
    """Seconds for a new layout; empty if none was measured."""
    known = {name: times for name, times in data["tokenizer"].items() if times}
    rows = ([" ".join(name.split()[::-1]), f"{statistics.median(times):.2f}"] for name, times in known.items())
    return markdown(["tokenizer, once for a new layout", "seconds"], rows) if known else ""


def calls(data: Data) -> str:
    """How often each network runs; empty if it was not counted."""
    if not data["counts"]:
        return ""
    names = list(next(iter(data["counts"].values())))
    rows = ([what, *(found[name] for name in names)] for what, found in data["counts"].items())
    return markdown(["runs of", *names], rows)


def memory(data: Data) -> str:
    """Peaks over the plain step's: on a GPU the fusers come on top of it, on a CPU they are in memory already."""
    rows = []
    for name, peak in data["peak_bytes"].items():
        plain = data["peak_bytes"].get(f"plain_{name.partition('_')[2]}")
        if plain is not None and not name.startswith("plain"):
            rows.append([name, f"{(peak - plain) / 2**20:+.0f}"])
    weights = data["fuser_bytes"] / 2**20
    return markdown([f"peak memory over plain (the fusers' weights: {weights:.0f} MiB)", "MiB"], rows) if rows else ""


def table(data: Data) -> str:
    """All of it, as far as it was measured."""
    parts = (machine, steps, branches, tokenizer, calls, gpu, memory)
    return "\n\n".join(text for part in parts if (text := part(data)))


def operations(data: Data) -> str:
    """Where the seconds of a step go (results/operations_SIZE.json): the UNet's and the fusers' parts, by kind."""
    rows = {(row["place"], row["kind"]): row for row in data["rows"]}

    def cells(kind: str) -> Iterator[str]:
        unet, fusers = rows["UNet", kind], rows.get(("fusers", kind))
        yield f"{unet['plain']:.2f}"
        yield f"{unet['full']:.2f}"
        yield f"{fusers['full']:.2f}" if fusers else "-"
        for row in (unet, fusers):
            yield f"{row['full multiply-adds']:.0f}" if row and row["full multiply-adds"] else "-"
        for row in (unet, fusers):
            yield f"{row['full multiply-adds'] / row['full']:.0f}" if row and row["full multiply-adds"] else "-"

    head = ["", "plain step, s", "full step, s: the UNet's own", "the fusers'", "10^9 multiply-adds: UNet", "fusers"]
    kinds = {"convolutions": "", "matrix products": "", "attention": "", "all else": " (norms, activations, copies)"}
    return markdown(
        [*head, "10^9 a second: UNet", "fusers"], ([kind + more, *cells(kind)] for kind, more in kinds.items())
    )


def _ratio(data: Data, name: str) -> tuple[str, str]:
    if name not in data["ratios"]:
        return "-", "-"
    low, high = data["spread"][name]
    return f"{rounded(data['ratios'][name])} ({rounded(low)} .. {rounded(high)})", rounded(data["limits"][name])


def _case(case: str) -> str:
    return WORDS.get(case) or f"full, {_number(case)} instance{'s' * (_number(case) != 1)}"


def _case_order(case: str) -> tuple[int, int]:
    return (list(WORDS).index(case) if case in WORDS else len(WORDS), _number(case))


def _number(case: str) -> int:
    return int("".join(filter(str.isdigit, case)) or 0)


def _size(size: str) -> str:
    """ "512b4" -> "512x512, batch 4"."""
    side, _, batch = size.partition("b")
    return f"{side}x{side}" + (f", batch {batch}" if batch else "")


def _size_order(size: str) -> tuple[int, int]:
    side, _, batch = size.partition("b")
    return int(side), int(batch or 1)


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _rounds(data: Data) -> list[int]:
    """How many rounds the cases have, the fewest first."""
    cases = [(one["case"], one["size"]) for one in data["rounds"]]
    return sorted({cases.count(case) for case in set(cases)}) or [0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--plot", type=Path, help="PNG to write: cost over the number of instances")
    given = parser.parse_args()
    data = json.loads(given.file.read_text(encoding="utf-8"))
    print(table(data))
    if given.plot is not None:
        from bench.plot import draw

        draw(data).save(given.plot, optimize=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    raise SystemExit(main())
