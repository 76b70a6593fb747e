"""Does a short training raise a score? The demo model was shown few crowded scenes; here it sees nothing else, with the pack's own trainer.

    python tests/bench/short_training.py FOLDER [--steps 150]        a quarter of an hour on a quiet core

Scenes with 7 to 30 shapes become a dataset of pictures with boxes, the shipped layers get 30 slots, `python -m instdiff_modules.training`
trains them, and other scenes are drawn before and after, with the same noise. Writes short_training.json beside this file and the table in
web/about/training.md. What is in FOLDER is kept: an interrupted training resumes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import comfyui_folder, prepare

if __name__ == "__main__":
    prepare(__file__)

import torch
from bench import write_pages
from instdiff.instdiff_modules.checkpoint.files import write_checkpoint
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.metrics.detection import SHAPES, detect_shapes
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.metrics.score import Settings as Measure
from instdiff.instdiff_modules.metrics.score import score_picture
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from instdiff.nodes.demo_model import DEMO_FILE
from instdiff.nodes.model import build_instdiff_model
from PIL import Image
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, random_scene
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
STREAM, HELD, COUNTS, SLOTS = 31, 32, (7, 30), 30
SCENES, SHOWN = 400, 40
PLAIN = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
MEASURES = ("box_ap50", "success", "color_acc")
CONFIG = """pretrained_model_name_or_path = "{base}"
network_weights = "before.safetensors"
output_dir = "."
output_name = "after"
mask_backbone = "small"
mid_dim = 96
slots = {slots}
resolution = 256
enable_bucket = false
train_batch_size = 16
learning_rate = 2e-4
lr_scheduler = "cosine"
lr_warmup_steps = 10
max_train_steps = {steps}
save_every_n_steps = 25
[[datasets]]
image_dir = "dataset"
"""


def scene(stream: int, number: int) -> Scene:
    return random_scene((stream, number), counts=COUNTS)


def write_dataset(folder: Path) -> None:
    """NNN.png beside NNN.json, boxes alone: masks make a step dearer, and the scores below are those of boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SCENES):
        path = folder / f"{number:03}.json"
        if not path.exists():
            drawn = render(scene(STREAM, number))
            Image.fromarray(drawn.picture).save(path.with_suffix(".png"))
            layout = only(scene_layout(scene(STREAM, number), number, drawn.visible), "box")
            path.write_text(layout_to_json(layout), encoding="utf-8")


def write_start(path: Path) -> None:
    """The shipped layers with 30 slots: a new slot looks at masks as an old one does, and all else is the same for every slot."""
    tensors = {name: value.float() for name, value in read_demo_file(DEMO_FILE).tensors["instdiff"].items()}
    seen = tensors["position_net.in_conv.weight"]
    tensors["position_net.in_conv.weight"] = seen[:, [i % seen.shape[1] for i in range(SLOTS)]]
    write_checkpoint(path, tensors, {})


def scores(studio: Studio, weights: Path) -> Totals:
    """Of scenes that were not trained on."""
    studio.networks = build_instdiff_model(read_checkpoint([weights]), torch.float32)
    layouts = [scene_layout(scene(HELD, number), number) for number in range(SHOWN)]
    records = []
    for n, layout in enumerate(layouts):  # one by one: captions of many instances are longer than others
        [picture] = studio.draw([only(layout, "box")], [n], PLAIN)
        measure = Measure(categories=SHAPES)
        records.append(score_picture(f"{n:03}", layout, detect_shapes(picture), (256, 256), measure, picture, True))
    return summarise(records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    args = parser.parse_args()
    before, after = args.folder / "before.safetensors", args.folder / "after.safetensors"
    write_dataset(args.folder / "dataset")
    write_start(before)
    config = args.folder / "train.toml"
    config.write_text(CONFIG.format(base=DEMO_FILE, slots=SLOTS, steps=args.steps), encoding="utf-8")
    command = [sys.executable, "-m", "instdiff_modules.training", "--config", str(config)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "INSTDIFF_COMFYUI": str(comfyui_folder())}, check=True)
    studio = Studio()
    found = {name: scores(studio, path) for name, path in (("before", before), ("after", after))}
    results = {
        "steps": args.steps,
        "scenes": SCENES,
        "pictures": SHOWN,
        "instances": found["after"].instances,
        **{name: {key: getattr(totals, key) for key in MEASURES} for name, totals in found.items()},
        "date": time.strftime("%Y-%m-%d"),
    }
    (HERE / "short_training.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_pages.write()
    sys.stdout.write(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
