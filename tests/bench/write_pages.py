"""Put the tables that the benches measured into the README, web/about and the help pages.

    python tests/bench/write_pages.py        between <!-- table: NAME --> and <!-- end --> of every page

Needs neither ComfyUI nor torch: it reads the files that the benches leave in tests/bench. They call it when they are done.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import report, tables
from bench.report import rounded

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = {
    "cpu": "results/cpu.json",
    "cuda": "results/cuda.json",
    "operations": "results/operations_512.json",
    **{
        name: f"{name}.json"
        for name in (
            "shapeworld",
            "overlap",
            "editing",
            "instance_lora",
            "regions",
            "steering",
            "flow_steering",
            "layout_cost",
            "references",
            "short_training",
            "canvases",
        )
    },
}
Results = dict[str, dict[str, Any]]
MARKED = re.compile(r"^(<!-- table: ([\w-]+) -->\n).*?^(<!-- end -->)$", re.M | re.S)


def results() -> Results:
    """What each bench left: short name -> its parsed file."""
    return {name: json.loads((HERE / path).read_text(encoding="utf-8")) for name, path in FILES.items()}


def six_numbers(found: Results) -> str:
    """The README's table."""
    cases, cpu, cuda = found["shapeworld"]["cases"], found["cpu"]["ratios"], found["cuda"]["ratios"]
    demo, cost = "[demo model](web/about/results.md)", "[random weights](web/about/cost.md)"
    rows = [
        (name, f"**{rounded(cases[case][key])}**", f"{rounded(cases['base'][key])} without InstDiff", demo)
        for name, case, key in (
            ("box AP50, given boxes", "box", "box_ap50"),
            ("Points-in-Mask, given points", "point", "pim_point"),
            ("share of instances that pass, given boxes", "box", "success"),
        )
    ]
    crop, without = (tables.percent(cases[case]["leakage"]) for case in ("weak_mis_crop", "weak"))
    rows += [
        (
            "colour leaked at half strength, *crop and paste*",
            f"**{crop}**",
            f"{without} without multi-instance sampling",
            demo,
        ),
        (
            "time of a step at 512x512, over a plain one",
            f"**{rounded(cuda['full_512'])}** on an H100",
            f"{rounded(cpu['full_512'])} on one CPU core",
            cost,
        ),
        (
            "time of a run with six instances in branches, over none",
            f"**{rounded(cuda['mis6_exact'])}** on an H100, 512x512",
            f"{rounded(cpu['mis6_exact'])} on one CPU core, 256x256",
            cost,
        ),
    ]
    return report.markdown(["what", "measured", "for comparison", "with"], rows)


WRITERS: dict[str, Callable[[Results], str]] = {
    "six-numbers": six_numbers,
    "measured-by": lambda found: tables.measured_by(found["shapeworld"]),
    "targets": lambda found: tables.targets(found["shapeworld"]),
    "compared": lambda found: tables.compared(found["shapeworld"]),
    "leaking": lambda found: tables.leaking(found["shapeworld"]),
    "two-groups": lambda found: tables.groups(found["shapeworld"]),
    "overlaps": lambda found: tables.overlaps(found["overlap"]),
    "references": lambda found: tables.references(found["references"]),
    "short-training": lambda found: tables.short_training(found["short_training"]),
    "canvases": lambda found: tables.canvases(found["canvases"]),
    "branches-leak": lambda found: tables.branches_leak(found["canvases"]),
    "edits": lambda found: tables.edits(found["editing"]),
    "lora": lambda found: tables.lora(found["instance_lora"]),
    "models": lambda found: tables.models(found["regions"]),
    "steering": lambda found: tables.steering(found["steering"]),
    "flow-steering": lambda found: tables.flow_steering(found["flow_steering"]),
    "layout-cost": lambda found: tables.layout_cost(found["layout_cost"]),
    "operations": lambda found: report.operations(found["operations"]),
    "calls": lambda found: report.calls(found["cpu"]),
    "gpu": lambda found: report.gpu(found["cuda"]),
    **{
        f"{part.__name__}-{device}": lambda found, part=part, device=device: part(found[device])
        for device in ("cpu", "cuda")
        for part in (report.machine, report.steps, report.branches, report.tokenizer)
    },
}


def pages() -> Iterator[Path]:
    """Every page that may hold a table."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "web").rglob("*.md"))


def filled(text: str, found: Results) -> str:
    """A page with its tables as they are now."""

    def table(match: re.Match) -> str:
        if match[2] not in WRITERS:
            raise SystemExit(f"No bench writes the table {match[2]!r}. Known tables: {', '.join(WRITERS)}.")
        return f"{match[1]}{WRITERS[match[2]](found)}\n{match[3]}"

    return MARKED.sub(table, text)


def write() -> list[Path]:
    """Fill every page; those that changed."""
    found, changed = results(), []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text, found)) != text:
            page.write_text(new, encoding="utf-8")
            changed.append(page)
    return changed


if __name__ == "__main__":
    for page in write():
        print(page.relative_to(ROOT))
