"""What a second round does to a picture of the demo model: repair of failed instances, and edits of the layout.

    python tests/bench/editing.py        draws, measures, writes editing.json beside this file, its table and a picture

Repair is the template Repaint only what failed: score, select what failed, inpaint that alone, score again, twice. Edits are those of the node Edit Instances;
the picture is drawn again from the same noise, and compared with one from other noise, outside the edited places.
"""

import argparse
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import numpy as np
import torch
from bench import write_pages
from bench.sheet import sheet
from instdiff.instdiff_modules.geometry.edit_instances import Edit, edit_instances
from instdiff.instdiff_modules.geometry.growing import grown
from instdiff.instdiff_modules.geometry.masks import draw_box
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.nodes.score import InstDiffLayoutScore, InstDiffSelectFailed
from PIL import Image
from support.pack import ROOT
from support.shapeworld.captions import sentence
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import random_scene
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
STREAM, COUNT, BATCH, ROUNDS = 5005, 60, 10, 2
SETTINGS = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
GROW, OTHER_NOISE, MARGIN = 16, 10_000, 12  # pixels around an edited place that may change
COLUMNS, SIDE, TITLE, TOLD = 7, 118, 100, "new caption"
EDITS = {
    "add": Edit("add", prompt="a red heart", x=0.7, y=0.7, width=0.25, height=0.25),
    "replace": Edit("replace", which="1", prompt="a yellow star"),
    "move": Edit("move by", which="1", x=0.15, y=0.1, at_border="stop"),
    "resize": Edit("resize by", which="1", width=0.7),
    "remove": Edit("remove", which="1"),
}


def layouts(count: int) -> list[tuple[Layout, str]]:
    """Layouts of boxes, and the colours of their backgrounds."""
    scenes = [random_scene((STREAM, n)) for n in range(count)]
    return [(only(scene_layout(scene, n), "box"), scene.background) for n, scene in enumerate(scenes)]


def shares(pictures: torch.Tensor, given: list[Layout]) -> tuple[float, str]:
    """Share of instances that pass, and the JSON of Layout Score."""
    results = InstDiffLayoutScore.execute(pictures, tuple(given), "shape world", 0.5).args[3]
    rows = [row["passed"] for picture in json.loads(results)["pictures"] for row in picture["instances"]]
    return sum(rows) / len(rows), results


def repair(studio: Studio, given: list[Layout], seeds: list[int]) -> tuple[list[float], list[np.ndarray]]:
    """Shares of satisfied instances before the repair and after each round; the pictures of the last one."""
    pictures = _batched(
        lambda some, numbers: torch.from_numpy(np.stack(studio.draw(some, numbers, SETTINGS))).float() / 255,
        given,
        seeds,
    )
    share, results = shares(pictures, given)
    found = [share]
    for turn in range(1, ROUNDS + 1):
        mask = InstDiffSelectFailed.execute(tuple(given), results, GROW, True).args[1]
        failed = [i for i in range(len(given)) if mask[i].any()]
        if failed:  # the others would come out as they are
            again = partial(_inpainted, studio, pictures, mask, [seed + 1000 * turn for seed in seeds])
            pictures[failed] = _batched(again, [given[i] for i in failed], failed)
        share, results = shares(pictures, given)
        found.append(share)
    return found, [(picture * 255).round().byte().numpy() for picture in pictures]


def _inpainted(
    studio: Studio, pictures: torch.Tensor, mask: torch.Tensor, seeds: list[int], some: list[Layout], at: list[int]
) -> torch.Tensor:
    """Of all pictures those at the places `at`, whose layouts are `some`, with what is masked drawn anew."""
    return studio.inpaint(some, pictures[at], mask[at], [seeds[i] for i in at], SETTINGS)


def edits(
    studio: Studio, given: list[Layout], backgrounds: list[str], seeds: list[int]
) -> tuple[dict[str, dict[str, float]], dict[str, list[np.ndarray]]]:
    """edit -> share of pictures in which it acts, and mean difference of the pixels (0..255) outside the edited places.

    Both with the old caption and with one that names what is there now, from the same noise; the second also from other noise. Then the
    pictures before, and after each edit with the new caption and the same noise.
    """
    plain = _drawn(studio, given, seeds)
    out, pictures = {}, {"before": plain}
    for name, edit in EDITS.items():
        kept = [edit_instances((layout,), edit)[0] for layout in given]
        told = [
            replace(layout, prompt=sentence([i.prompt for i in layout.instances], background))
            for layout, background in zip(kept, backgrounds, strict=True)
        ]
        outside = [~_touched(before, after) for before, after in zip(given, kept, strict=True)]
        row = {}
        for way, these, add in (("old caption", kept, 0), (TOLD, told, 0), (f"{TOLD}, other noise", told, OTHER_NOISE)):
            if way != TOLD or told != kept:  # a caption without places is the same after a move
                drawn = _drawn(studio, these, [seed + add for seed in seeds])
            row[f"{way}: changed outside"] = float(
                np.mean(
                    [
                        np.abs(a.astype(int) - b.astype(int))[free].mean()
                        for a, b, free in zip(plain, drawn, outside, strict=True)
                    ]
                )
            )
            row[f"{way}: acts"] = _acts(name, drawn, given, kept)
            if way == TOLD:
                pictures[name] = drawn
        out[name] = {key: round(value, 3) for key, value in row.items()}
    return out, pictures


def _acts(name: str, drawn: list[np.ndarray], before: list[Layout], after: list[Layout]) -> float:
    """Share of the pictures in which the edited instance passes; of "remove": in which it no longer does."""
    judged = before if name == "remove" else after
    pictures = torch.from_numpy(np.stack(drawn)).float() / 255
    rows = [
        picture["instances"][-1 if name == "add" else 0]
        for picture in json.loads(shares(pictures, judged)[1])["pictures"]
    ]
    return float(np.mean([row["passed"] != (name == "remove") for row in rows]))


def _touched(before: Layout, after: Layout) -> np.ndarray:
    """Where an instance stood or stands that is not the same in both layouts, (256, 256) bool."""
    places = {(i.id, i.prompt, i.box) for i in before.instances} ^ {(i.id, i.prompt, i.box) for i in after.instances}
    mask = np.zeros((256, 256), bool)
    for *_, box in places:
        mask |= draw_box(box, 256, 256)
    return grown(mask, MARGIN)


def _drawn(studio: Studio, given: list[Layout], seeds: list[int]) -> list[np.ndarray]:
    return [
        p
        for at in range(0, len(given), BATCH)
        for p in studio.draw(given[at : at + BATCH], seeds[at : at + BATCH], SETTINGS)
    ]


def _batched(draw, given: list[Layout], numbers: list[int]) -> torch.Tensor:
    return torch.cat([draw(given[at : at + BATCH], numbers[at : at + BATCH]) for at in range(0, len(given), BATCH)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help="layouts; results are written for all of them only")
    args = parser.parse_args()
    studio, known, seeds = Studio(), layouts(args.count), list(range(args.count))
    given = [layout for layout, _ in known]
    rounds, _ = repair(studio, given, seeds)
    several, backgrounds = zip(*(one for one in known if len(one[0].instances) > 1), strict=True)
    edited, pictures = edits(studio, list(several), list(backgrounds), list(range(len(several))))
    result = {
        "satisfied": [round(share, 4) for share in rounds],
        "edits": edited,
        "layouts": len(given),
        "edited_layouts": len(several),
        "stream": STREAM,
        "command": "python tests/bench/editing.py",
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if args.count == COUNT:
        rows = [(title, [Image.fromarray(picture) for picture in drawn[:COLUMNS]]) for title, drawn in pictures.items()]
        sheet(rows, SIDE, TITLE).save(ROOT / "web" / "docs" / "edits.jpg", quality=88)
        (HERE / "editing.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_pages.write()


if __name__ == "__main__":
    main()
