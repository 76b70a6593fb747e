"""README, web/about and the help pages say what the benches measured, lead to every node, and are short where they must be."""

import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import write_pages
from bench.report import rounded
from bench.tables import percent
from support.pack import ROOT

RESULTS = write_pages.results()
PAGES = list(write_pages.pages())
README = (ROOT / "README.md").read_text(encoding="utf-8")
HELP = sorted((ROOT / "web" / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_table_is_what_its_bench_measured(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert write_pages.filled(text, RESULTS) == text, "python tests/bench/write_pages.py writes it"
    markers = re.findall(r"^<!-- (?:table: .*|end) -->$", text, re.M)
    assert len(markers) == 2 * len(write_pages.MARKED.findall(text)), "a marker stands alone"


def test_every_table_stands_once() -> None:
    found = [name for page in PAGES for _, name, _ in write_pages.MARKED.findall(page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(write_pages.WRITERS)


def test_a_table_is_replaced_and_what_is_around_it_stays() -> None:
    page = "a\n<!-- table: targets -->\nold\n<!-- end -->\nb\n<!-- table: targets -->\n<!-- end -->\n"
    table = write_pages.WRITERS["targets"](RESULTS)
    marked = f"<!-- table: targets -->\n{table}\n<!-- end -->\n"
    assert write_pages.filled(page, RESULTS) == f"a\n{marked}b\n{marked}"
    with pytest.raises(SystemExit, match="No bench writes the table 'nothing'"):
        write_pages.filled("<!-- table: nothing -->\n<!-- end -->", RESULTS)


def test_halves_of_figures_that_were_rounded_before_go_up() -> None:
    assert [rounded(0.615), rounded(0.075), rounded(1.0), rounded(0.9715, 3)] == ["0.62", "0.08", "1.00", "0.972"]


def said() -> Iterator[tuple[str, str]]:
    """(page, words with figures in them): what is written by hand and must agree with a file of results."""
    shapes, editing, lora = RESULTS["shapeworld"], RESULTS["editing"], RESULTS["instance_lora"]["cases"]
    yield from _of_the_demo_model(shapes["cases"])
    yield from _of_edits(editing["edits"], [rounded(share, 3) for share in editing["satisfied"]])
    yield from _of_the_lora({name: [rounded(v) for v in one.values()][:2] for name, one in lora.items()})
    yield from _of_overlaps({f"{one['test']} {one['condition']}": one for one in RESULTS["overlap"]["results"]})
    yield from _of_cost()


def _of_the_demo_model(cases: dict[str, Any]) -> Iterator[tuple[str, str]]:
    page, box, base, points = "web/about/results.md", cases["box"], cases["base"], cases["point"]
    leak = {name: percent(one["leakage"]) for name, one in cases.items()}
    passed = {name: rounded(one["success"]) for name, one in cases.items()}
    yield (
        page,
        f"{round(points['pim_point'] * points['counts']['pim_point'])} of {points['instances']} against a target of 644.4",
    )
    yield page, f"scribbles {rounded(cases['scribble']['pim_scribble'], 3)}"
    for one, who in ((box, "instances given boxes"), (base, "of the base alone")):
        yield page, f"{one['counts']['color_acc']} {who}, {one['counts']['texture_acc']} of them"
    without = cases["no_scaleu"]
    yield page, f"AP {rounded(without['box_ap'], 3)} to {rounded(box['box_ap'], 3)}"
    yield page, f"mask IoU {rounded(without['mask_miou'], 3)} to {rounded(box['mask_miou'], 3)}"
    yield (
        page,
        f"{rounded(cases['mis_masked']['success'], 3)} of the instances pass, {rounded(box['success'], 3)} without",
    )
    less = [rounded(box["success"] - cases[name]["success"], 3) for name in ("mis_average", "mis_crop")]
    yield page, f"lose {less[0]} and {less[1]} of these"
    crop, masked = (
        rounded(100 * (cases["weak"]["leakage"] - cases[f"weak_mis_{m}"]["leakage"]), 1) for m in ("crop", "masked")
    )
    yield page, f"*crop and paste* removes {crop} of {leak['weak']}"
    yield page, f"*masked average* {masked} ("
    yield page, f"{passed['weak_mis_crop']} and {passed['weak_mis_masked']}, {passed['weak']} without"
    yield page, f"removes nothing here ({passed['weak_mis_average']} pass)"
    full = [rounded(100 * cases[name]["leakage"]) for name in ("box", "mis_average", "mis_masked", "mis_crop")]
    low, high = sorted(full[2:])
    yield page, f"{full[0]} % without, {full[1]} % with *average*, {low} to {high} % with the others"
    page, merges = (
        "web/docs/InstDiffKSampler.md",
        {"crop": "crop and paste", "masked": "masked average", "average": "average"},
    )
    yield page, f"leaked colour {leak['weak']}, with *crop and paste*"
    for merge, name in merges.items():
        yield page, f"with *{name}* {leak[f'weak_mis_{merge}']}"


def _of_edits(edits: dict[str, dict[str, float]], rounds: list[str]) -> Iterator[tuple[str, str]]:
    acts = {name: [rounded(one[f"{way} caption: acts"]) for way in ("old", "new")] for name, one in edits.items()}
    same, other = (
        {name: rounded(one[f"new caption{noise}: changed outside"], 1) for name, one in edits.items()}
        for noise in ("", ", other noise")
    )
    rest = sorted(same[name] for name in ("add", "replace", "remove"))
    page = "web/docs/InstDiffEditInstances.md"
    yield (
        page,
        f"adds in {acts['add'][0]} and replaces in {acts['replace'][0]} of {RESULTS['editing']['edited_layouts']}",
    )
    yield page, f"with the new one in {acts['add'][1]} (in several"
    yield page, f"another thing) and {acts['replace'][1]}."
    yield (
        page,
        f"{same['move']} after a move, {same['resize']} after a resize, {rest[0]} to {rest[-1]} after the others",
    )
    yield page, f"{min(other.values())} to {max(other.values())} with other noise"
    told = f"from {rounds[0]} to {rounds[1]} after one round and {rounds[2]} after two"
    yield "web/docs/InstDiffSelectFailed.md", told
    yield "web/about/results.md", told


def _of_the_lora(shares: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    page, branched, whole = "web/about/results.md", shares["branches, strength 10"], shares["whole model"]
    yield page, f"in {shares['strength 10'][0]} of the layouts in which it is found, with the default 4 in"
    yield page, f"with the default 4 in {shares['strength 4'][0]}, and none of the others is"
    assert shares["strength 10"][1] == shares["strength 4"][1] == "0.00"
    yield page, f"`strength` 10 in {branched[0]}, and {branched[1]} of the others"
    yield page, f"on the whole model: {whole[0]} and {whole[1]}."


def _of_overlaps(rows: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    page, front = "web/about/overlaps.md", "circle in front"
    forward, back = (rows[name][front][0] for name in rows if name.startswith("4 scribble"))
    yield (
        page,
        f"({rows['4 boxes alone'][front][0]:.2f} to {forward:.2f}), the other's scribble sends it back ({back:.2f})",
    )
    for way in ("", ", overlap by depth"):
        heart, circle = (rows[f"2 {one} later in the layout{way}"]["order right"][0] for one in ("heart", "circle"))
        yield page, f"right in {heart:.2f} and {circle:.2f}"
    for way in ("", ", overlap by depth", ", overlap and merge by depth"):
        yield page, f"star in {rows[f'3 star later in the layout{way}']['star found'][0]:.2f}"
        one = rows[f"5 face and three parts{way}"]
        yield page, f"face {one['face found'][0]:.2f}, parts {one['parts found'][0]:.2f}"
    for way in ("", ", overlap by depth", ", overlap by depth, masked attention", ", overlap and merge by depth"):
        yield page, f"{rows[f'1 0.12 apart{way}']['found'][0]:.2f} of the four"
    merged = rows["1 0.12 apart, overlap and merge by depth"]["found"][0]
    yield "web/docs/InstDiffPoints.md", f"of four points at 0.12 the demo model then paints {merged:.2f}"


def _of_cost() -> Iterator[tuple[str, str]]:
    cpu, cuda, page = RESULTS["cpu"], RESULTS["cuda"], "web/about/cost.md"
    limits = {name: rounded(limit) for device in (cpu, cuda) for name, limit in device["limits"].items()}
    short = {name: limit.rstrip("0") for name, limit in limits.items()}
    size = {side: limits[f"full_{side}"] for side in (256, 512, 1024)}
    yield (
        page,
        f"needs {size[512]}x the multiply-adds of a plain one, at 256x256 {size[256]}x, at 1024x1024 {size[1024]}x",
    )
    yield page, f"need {limits['mis6_exact']}x the calls"
    yield page, f"what two cost, {limits['mis6_fast']}x"
    same = sorted(rounded(cpu["ratios"][f"{name}_512"]) for name in ("full", "instances1", "instances8", "instances30"))
    yield page, f"{same[0]} to {same[-1]} at 512x512"
    over = {
        name: (peak - cuda["peak_bytes"][f"plain_{name.partition('_')[2]}"]) / 2**20
        for name, peak in cuda["peak_bytes"].items()
    }
    weights = cuda["fuser_bytes"] / 2**20
    full = sorted(round(over[f"full_{one}"] - weights) for one in ("512", "512b4", "1024"))
    told = f"{full[0]} to {full[-1]} MiB more"
    yield page, f"({weights:.0f} MiB) a full step needs {told}"
    masked = f"{over['masked_512'] - weights:.0f} MiB at 512x512 and {(over['masked_1024'] - weights) / 2**10:.1f} GiB"
    yield page, f"the finest level's masks need {masked} at 1024x1024"
    yield page, f"there are {cuda['gpu']['full_512']['kernels'] - cuda['gpu']['plain_512']['kernels']} more kernels"
    rows = RESULTS["operations"]["rows"]
    scaleu, whole = (sum(row["full"] for row in rows if place in ("", row["place"])) for place in ("ScaleU", ""))
    yield page, f"ScaleU takes {scaleu:.2f} of {whole:.1f} seconds"
    help_page = "web/docs/InstDiffApply.md"
    yield help_page, f"their {weights:.0f} MiB and {told}"
    yield (
        help_page,
        f"`end`: {size[256]} at 256x256, {size[512]} at 512x512, 1.46 at 768x512, 1.56 at 1024x768, {size[1024]} at 1024x1024.",
    )
    times = {name: rounded(cuda["ratios"][f"full_{name}"]) for name in ("512", "512b4", "1024")}
    yield (
        help_page,
        f"{times['512']} of the wall time at 512x512, {times['512b4']} in batches of four, {times['1024']} at 1024x1024",
    )
    sampler = "web/docs/InstDiffKSampler.md"
    for n, cells in ((2, "16 - 2 = 54"), (4, "32 - 4 = 68"), (6, "48 - 6 = 82")):
        yield sampler, f"| {n} | 20, 0.2 | 40 + {cells} | {short[f'mis{n}_exact']} |"
    measured = {name: rounded(cpu["ratios"][f"mis6_{name}"]) for name in ("exact", "fast")}
    yield (
        sampler,
        f"cost {short['mis6_fast']} times a run with share 0 whatever N is, instead of {short['mis6_exact']} with six",
    )
    yield sampler, f"(measured on a CPU at 256x256: {measured['fast']} instead of {measured['exact']})"
    yield "web/docs/InstDiffMultiInstance.md", f"is {short['mis4_exact']} times the time of a plain run"


SAID = list(said())


@pytest.mark.parametrize(("page", "words"), SAID, ids=[f"{Path(p).stem}-{w[:40]}" for p, w in SAID])
def test_figures_in_sentences_are_those_of_the_results(page: str, words: str) -> None:
    assert words in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_the_readme_is_a_shop_window_that_leads_to_every_node() -> None:
    assert README.count("\n") <= 160
    everything = (ROOT / "web" / "about" / "nodes.md").read_text(encoding="utf-8")
    for page in HELP:
        assert README.count(f"({page.relative_to(ROOT).as_posix()})") >= 1, f"README names no {page.stem}"
        assert f"(../docs/{page.name})" in everything, f"nodes.md names no {page.stem}"


def test_what_is_said_about_the_demo_model_is_so() -> None:
    """Its size and its slots stand in three places."""
    file = ROOT / "instdiff_modules" / "shapeworld" / "demo_model.safetensors"
    with file.open("rb") as opened:
        header = json.loads(opened.read(struct.unpack("<Q", opened.read(8))[0]))
    slots = json.loads(header["__metadata__"]["config"])["instdiff"]["slots"]
    assert f"{slots} instances at a time: as many as the weights, and the demo model, have slots." in README
    assert f"up to {slots} instances" in " ".join(
        (ROOT / "web" / "docs" / "InstDiffLoadDemoModel.md").read_text(encoding="utf-8").split()
    )
    size = math.floor(file.stat().st_size / 1e6 + 0.5)
    assert f"{size} MB): a miniature" in (ROOT / "web" / "about" / "results.md").read_text(encoding="utf-8")
