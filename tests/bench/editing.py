"""What a second round does to a picture of the demo model: repair of failed instances, and edits of the layout.

    python tests/bench/editing.py        draws, measures, writes editing.json beside this file

Repair is the template closed_loop: score, select what failed, inpaint that alone, score again, twice. Edits are those of the node Edit Instances;
the picture is drawn again from the same noise, and compared with one from other noise, outside the edited places.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare  # noqa: E402

if __name__ == "__main__":
    prepare(__file__)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from instdiff.instdiff_modules.geometry.edit_instances import Edit, edit_instances  # noqa: E402
from instdiff.instdiff_modules.geometry.masks import draw_box  # noqa: E402
from instdiff.instdiff_modules.layout.instance import Layout  # noqa: E402
from instdiff.instdiff_modules.metrics.failed import grown  # noqa: E402
from instdiff.instdiff_modules.shapeworld.layouts import scene_layout  # noqa: E402
from instdiff.instdiff_modules.shapeworld.scene import random_scene  # noqa: E402
from instdiff.nodes.score import InstDiffLayoutScore, InstDiffSelectFailed  # noqa: E402
from support.studio import Settings, Studio, only  # noqa: E402

HERE = Path(__file__).resolve().parent
STREAM, COUNT, BATCH, ROUNDS = 5005, 60, 10, 2
SETTINGS = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
GROW, OTHER_NOISE, MARGIN = 16, 10_000, 12  # pixels around an edited place that may change
EDITS = {
    "add": Edit("add", prompt="a red heart", x=0.7, y=0.7, width=0.25, height=0.25),
    "replace": Edit("replace", which="1", prompt="a yellow star"),
    "move": Edit("move by", which="1", x=0.15, y=0.1, at_border="stop"),
    "resize": Edit("resize by", which="1", width=0.7),
    "remove": Edit("remove", which="1"),
}


def layouts(count: int) -> list[Layout]:
    return [only(scene_layout(random_scene((STREAM, n)), n), "box") for n in range(count)]


def shares(pictures: torch.Tensor, given: list[Layout]) -> tuple[float, str]:
    """Share of instances that pass, and the JSON of Layout Score."""
    results = InstDiffLayoutScore.execute(pictures, tuple(given), "shape world", 0.5).args[3]
    rows = [row["passed"] for picture in json.loads(results)["pictures"] for row in picture["instances"]]
    return sum(rows) / len(rows), results


def repair(studio: Studio, given: list[Layout], seeds: list[int]) -> tuple[list[float], list[np.ndarray]]:
    """Shares of satisfied instances before the repair and after each round; the pictures of the last one."""
    pictures = _batched(lambda some, numbers: torch.from_numpy(np.stack(studio.draw(some, numbers, SETTINGS))).float() / 255, given, seeds)
    share, results = shares(pictures, given)
    found = [share]
    for turn in range(1, ROUNDS + 1):
        mask = InstDiffSelectFailed.execute(tuple(given), results, GROW, True).args[1]

        def inpaint(some: list[Layout], at: list[int]) -> torch.Tensor:
            return studio.inpaint(some, pictures[at], mask[at], [seeds[i] + 1000 * turn for i in at], SETTINGS)

        pictures = _batched(inpaint, given, list(range(len(given))))
        share, results = shares(pictures, given)
        found.append(share)
    return found, [(picture * 255).round().byte().numpy() for picture in pictures]


def edits(studio: Studio, given: list[Layout], seeds: list[int]) -> dict[str, dict[str, float]]:
    """edit -> mean difference of the pixels (0..255) outside the edited places, from the same noise and from other noise."""
    plain = _drawn(studio, given, seeds)
    out = {}
    for name, edit in EDITS.items():
        changed = [edit_instances((layout,), edit)[0] for layout in given]
        outside = [~_touched(before, after) for before, after in zip(given, changed)]
        row = {}
        for noise, add in (("same noise", 0), ("other noise", OTHER_NOISE)):
            drawn = _drawn(studio, changed, [seed + add for seed in seeds])
            row[noise] = float(np.mean([np.abs(a.astype(int) - b.astype(int))[free].mean() for a, b, free in zip(plain, drawn, outside)]))
        out[name] = {key: round(value, 2) for key, value in row.items()}
    return out


def _touched(before: Layout, after: Layout) -> np.ndarray:
    """Where an instance stood or stands that is not the same in both layouts, (256, 256) bool."""
    places = {(i.id, i.prompt, i.box) for i in before.instances} ^ {(i.id, i.prompt, i.box) for i in after.instances}
    mask = np.zeros((256, 256), bool)
    for *_, box in places:
        mask |= draw_box(box, 256, 256)
    return grown(mask, MARGIN)


def _drawn(studio: Studio, given: list[Layout], seeds: list[int]) -> list[np.ndarray]:
    return [p for at in range(0, len(given), BATCH) for p in studio.draw(given[at:at + BATCH], seeds[at:at + BATCH], SETTINGS)]


def _batched(draw, given: list[Layout], numbers: list[int]) -> torch.Tensor:
    return torch.cat([draw(given[at:at + BATCH], numbers[at:at + BATCH]) for at in range(0, len(given), BATCH)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help="layouts; results are written for all of them only")
    args = parser.parse_args()
    studio, given, seeds = Studio(), layouts(args.count), list(range(args.count))
    rounds, _ = repair(studio, given, seeds)
    several = [layout for layout in given if len(layout.instances) > 1]
    moved = edits(studio, several, list(range(len(several))))
    result = {"satisfied": [round(share, 4) for share in rounds], "changed_outside": moved, "layouts": len(given), "edited_layouts": len(several),
              "stream": STREAM, "command": "python tests/bench/editing.py"}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if args.count == COUNT:
        (HERE / "editing.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
