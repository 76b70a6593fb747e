"""The command that measures the cost works from end to end, goes on where it stopped, and counts what it should."""

import contextlib
import io
import json
import subprocess
import sys

import pytest
from bench import cost, layout_cost, operations, report
from instdiff.instdiff_modules.sampling.branch_window import window_of

pytestmark = pytest.mark.cpu  # these commands choose their device themselves


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command of tests/bench in this process: what it printed."""

    def call(module, main, *args):
        monkeypatch.setattr(sys, "argv", [module.__file__, *map(str, args)])
        assert main() in (None, 0)
        return capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """(file, options, what was printed) of a small run, started as a person starts it."""
    folder = tmp_path_factory.mktemp("bench")
    options = [
        "--tiny",
        "--weights",
        folder / "weights",
        "--sizes",
        "64",
        "--instances",
        "1,4",
        "--branches",
        "2,3",
        "--json",
        folder / "figures.json",
    ]
    command = [sys.executable, "-I", cost.__file__, *map(str, options), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "figures.json", options, done.stdout


def test_every_figure_stands_beside_its_limit(figures):
    data = json.loads(figures[0].read_text())
    names = {
        "scaleu_64",
        "fusers_64",
        "full_64",
        "outside_64",
        "masked_64",
        "instances1_64",
        "mis2_exact",
        "mis3_exact",
        "mis3_fast",
    }
    assert data["ratios"].keys() == data["limits"].keys() == data["spread"].keys() == names
    assert 1 < data["limits"]["full_64"] < 2 and data["limits"]["outside_64"] == 1
    assert data["machine"]["device"] and data["seconds"]["plain_64"] > 0
    assert len(data["tokenizer"]) == 3 and all(
        name in figures[2] for name in ("| ScaleU alone | ", "4 boxes", "peak memory")
    )


def test_the_networks_run_as_often_as_they_must(figures):
    counts = json.loads(figures[0].read_text())["counts"]
    assert counts["Apply, a new layout of 4 instances"] == {"tokenizer": 2, "unet": 0, "evaluations": 0, "fusers": 0}
    assert not any(counts["Apply again with other settings"].values())
    plain, full, outside = (counts[f"3 steps{name}"] for name in (" of the plain model", "", " outside start..end"))
    assert plain == outside == {**full, "fusers": 0} == {"tokenizer": 0, "unet": 3, "evaluations": 6, "fusers": 0}
    assert full["fusers"] % 3 == 0 and full["fusers"] > 0


def test_every_operation_is_booked_where_it_happens(figures, run):
    printed = run(
        operations,
        lambda: operations.main(operations.arguments()),
        "--tiny",
        "--weights",
        figures[0].parent / "weights",
        "--seconds",
        "--size",
        64,
        "--rounds",
        1,
    )
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in printed.splitlines()
        if line.startswith(("| UNet", "| fusers", "| ScaleU"))
    ]
    assert {(row[0], row[1]) for row in rows} >= {
        (place, kind) for place in ("UNet", "fusers") for kind in ("matrix products", "attention", "all else")
    }
    assert all(float(row[2]) == 0 for row in rows if row[0] != "UNet")


@pytest.fixture(scope="module")
def launches(figures):
    """Case -> launches beyond the plain step: of all, of the UNet, of the fusers, of ScaleU."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", [operations.__file__, "--tiny", "--weights", str(figures[0].parent / "weights")])
        operations.main(operations.arguments())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.getvalue().splitlines()[3:]]
    return {row[0]: [int(cell) for cell in row[1:5]] for row in rows}


def test_every_launch_is_counted_where_it_happens(launches):
    assert launches.keys() == {"plain", "scaleu", "outside", "fusers", "full", "masked"}
    plain = launches.pop("plain")
    assert plain[0] == plain[1] > 200 and plain[2:] == [0, 0]
    assert all(more == unet + fusers + scaleu for more, unet, fusers, scaleu in launches.values())
    assert launches["scaleu"][2] == launches["fusers"][3] == 0 < launches["scaleu"][3] == launches["full"][3]
    assert launches["masked"][2] > launches["full"][2] == launches["fusers"][2] > launches["outside"][2]


def test_a_block_launches_no_more_than_it_must(figures, launches):
    blocks, decoder_blocks = json.loads(figures[0].read_text())["counts"]["3 steps"]["fusers"] // 3, 4
    once = 2  # reading the sigma of the step
    assert launches["fusers"][0] <= 18 * blocks + once
    assert launches["scaleu"][0] <= 5 * decoder_blocks and launches["outside"][0] <= 5 * decoder_blocks + once


def test_a_second_run_measures_only_what_is_missing(figures, run):
    path, options, _ = figures
    before = json.loads(path.read_text())
    more = ("--sizes", "64,64b2", "--rounds", 2, "--only", "scaleu_64,scaleu_64b2")
    printed = run(cost, lambda: cost.main(cost.arguments()), *options, *more)
    after = json.loads(path.read_text())
    new = [(one["size"], one["case"]) for one in after["rounds"][len(before["rounds"]) :]]
    assert (
        new == [("64", "scaleu"), *[("64b2", "scaleu")] * 2] and "| 64x64 | limit | 64x64, batch 2 | limit |" in printed
    )
    assert after["rounds"][: len(before["rounds"])] == before["rounds"] and after["tokenizer"] == before["tokenizer"]


def test_the_report_draws_the_plot(figures, tmp_path, run):
    printed = run(report, report.main, figures[0], "--plot", tmp_path / "plot.png")
    assert "| a step, over a plain one | 64x64 | limit |" in printed
    assert (tmp_path / "plot.png").stat().st_size > 5000


def test_regions_cost_little_and_windows_by_their_area():
    found = layout_cost.costs(layout_cost.Case("SDXL", 77, 32))
    windows = sum(c.height * c.width for c in (window_of(box, 32, 32) for box in layout_cost.BOXES)) / 32**2
    assert 1 < found["regions"] < 1.15 and found["windows"] - found["regions"] == pytest.approx(windows, rel=0.1)
    assert windows < 1 < found["masked"] - 1
