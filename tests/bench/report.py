"""Figures of tests/bench/cost.py as a Markdown table and as a plot.

python tests/bench/report.py FILE [--plot PNG]
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = {
    "scaleu": "ScaleU alone",
    "fusers": "fusers alone",
    "full": "full, 4 instances",
    "outside": "full, outside start..end",
    "masked": "full, masked attention at the finest level",
}


def title(name: str) -> str:
    """What a figure is, in words: "full_512" -> "full, 4 instances, 512x512"."""
    case, _, size = name.partition("_")
    if case.startswith("mis"):
        return f"multi-instance sampling, {case.removeprefix('mis')} instances{', two groups' if size == 'fast' else ''}, 20 steps, share 0.2 (over none)"
    words = WORDS.get(case) or f"full, {case.removeprefix('instances')} instances"
    side, _, batch = size.partition("b")
    return f"{words}, {side}x{side}" + (f", batch {batch}" if batch else "")


def table(data: dict[str, Any]) -> str:
    """Markdown: every ratio with its spread and its limit, then tokenizer, counts and memory."""
    lines = list(_ratios(data))
    if data["tokenizer"]:
        lines += ["", "| tokenizer, once for a new layout | seconds |", "|---|---|"]
        lines += [
            f"| {name.split()[1]} {name.split()[0]} | {statistics.median(times):.2f} |"
            for name, times in data["tokenizer"].items()
            if times
        ]
    if data["counts"]:
        names = list(next(iter(data["counts"].values())))
        lines += ["", f"| runs of | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
        lines += [
            f"| {what} | {' | '.join(str(found[name]) for name in names)} |" for what, found in data["counts"].items()
        ]
    if data.get("gpu"):
        lines += ["", *_gpu(data["gpu"])]
    if data["peak_bytes"]:
        lines += ["", *_memory(data)]
    return "\n".join(lines)


def _ratios(data: dict[str, Any]) -> Iterator[str]:
    machine = data["machine"]
    place = f"{machine['device']}, {machine['threads']} thread(s)" if machine["threads"] else machine["device"]
    plain = ", ".join(f"{1000 * t:.0f} ms at {name.split('_')[1]}" for name, t in data["seconds"].items())
    yield f"{place}, torch {machine['torch']}, ComfyUI {machine['comfyui']}; one plain guided step: {plain}."
    yield ""
    yield "| over the plain KSampler | measured | spread | limit |"
    yield "|---|---|---|---|"
    for name, ratio in sorted(data["ratios"].items(), key=lambda item: _order(item[0])):
        low, high = data["spread"][name]
        yield f"| {title(name)} | {ratio:.3f} | {low:.3f} .. {high:.3f} | {data['limits'][name]:.2f} |"


def _order(name: str) -> tuple:
    case, _, size = name.partition("_")
    number = int("".join(filter(str.isdigit, case)) or 0)
    place = list(WORDS).index(case) if case in WORDS else len(WORDS)
    side, _, batch = size.partition("b")
    return (size in ("exact", "fast"), int(side) if side.isdigit() else 0, int(batch or 1), place, size, number)


def _gpu(gpu: dict[str, dict[str, float]]) -> Iterator[str]:
    """Time that the GPU works in a step, beside wall time, which can be the processor's."""
    yield "| one guided step | GPU, ms | over plain | kernels | over plain |"
    yield "|---|---|---|---|---|"
    for name, one in gpu.items():
        plain = gpu.get(f"plain_{name.partition('_')[2]}", one)
        yield (
            f"| {name} | {1000 * one['seconds']:.1f} | {one['seconds'] / plain['seconds']:.2f}"
            f" | {one['kernels']} | {one['kernels'] - plain['kernels']:+d} |"
        )


def _memory(data: dict[str, Any]) -> Iterator[str]:
    """On a GPU the fusers come on top of the plain peak; on a CPU they are in memory already when the plain model runs."""
    weights = data["fuser_bytes"] / 2**20
    yield f"| peak memory over plain (the fusers' weights: {weights:.0f} MiB) | MiB |"
    yield "|---|---|"
    for name, peak in data["peak_bytes"].items():
        plain = data["peak_bytes"].get(f"plain_{name.partition('_')[2]}")
        if plain is not None and not name.startswith("plain"):
            yield f"| {name} | {(peak - plain) / 2**20:+.0f} |"


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
