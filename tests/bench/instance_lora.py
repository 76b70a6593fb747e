"""A LoRA on one instance of a picture of the demo model: does it act there, and leave the others alone?

    python tests/bench/instance_lora.py        draws, measures, writes instance_lora.json beside this file, the table and picture of the help page

The LoRA (instdiff_modules/shapeworld/loras, made by tests/training/train_lora.py) makes plain things checkered. In every layout one plain
instance gets it through Instance Conditioning; the same noise without it and with the LoRA on the whole model stand beside it.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import comfy.hooks
import comfy.sd
import comfy.utils
import numpy as np
import torch
from bench import write_pages
from bench.sheet import sheet
from instdiff.instdiff_modules.geometry.masks import draw_box
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.detection import detect_shapes
from instdiff.instdiff_modules.preview.draw import draw_layout
from instdiff.nodes.instance_conditioning import InstDiffInstanceConditioning
from PIL import Image
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.scene import random_scene
from support.studio import Settings, Studio, only

HERE = Path(__file__).resolve().parent
LORA = ROOT / "instdiff_modules" / "shapeworld" / "loras" / "instdiff_demo_checkered.safetensors"
STREAM, COUNT, TEXTURE, SHARE = 7007, 40, "checkered", 0.36
SETTINGS = Settings(steps=12, sampler="dpmpp_2m", cfg=3.0)
ROWS = {
    "without": "without",
    "LoRA on the\nwhole model": "whole model",
    "on one\ninstance": "strength 10",
    "the same,\nin branches": "branches, strength 10",
}
COLUMNS, SIDE, TITLE = 7, 118, 100
MIN_SIDE, MARGIN = 0.3, 12  # of an instance that has room for a texture; pixels around it that count as its own
CASES = {
    "without": (0.0, None),
    "whole model": (0.0, "all"),
    "strength 1": (0.0, 1.0),
    "strength 2": (0.0, 2.0),
    "strength 4": (0.0, 4.0),
    "strength 10": (0.0, 10.0),
    "branches, strength 10": (SHARE, 10.0),
    "branches, without": (SHARE, None),
}


def scenes(count: int) -> list[tuple[Layout, int]]:
    """Layouts of boxes, and the instance of each that gets the LoRA: the largest plain one; scenes without a large one are left out."""
    found, number = [], 0
    while len(found) < count:
        scene = random_scene((STREAM, number), counts=(2, 4))
        layout = only(scene_layout(scene, number), "box")
        sides = [
            min(i.box[2] - i.box[0], i.box[3] - i.box[1]) if thing.texture == "plain" else 0
            for i, thing in zip(layout.instances, scene.things, strict=True)
        ]
        if max(sides) >= MIN_SIDE:
            found.append((layout, int(np.argmax(sides))))
        number += 1
    return found


class Painter:
    """Pictures of the demo model, with the LoRA where it is wanted."""

    def __init__(self) -> None:
        self.studio, self.lora = Studio(), comfy.utils.load_torch_file(str(LORA))

    @torch.inference_mode()
    def draw(self, layout: Layout, chosen: int, seed: int, case: str) -> np.ndarray:
        share, strength = CASES[case]
        studio, settings = self.studio, replace(SETTINGS, share=share)
        positive, plain = studio.encode([layout.prompt]), studio.model
        if strength == "all":
            studio.model = comfy.sd.load_lora_for_models(plain, None, self.lora, 1.0, 0.0)[0]
        elif strength is not None:
            own = studio.encode([layout.instances[chosen].prompt])
            own[0][1]["hooks"] = comfy.hooks.create_hook_lora(self.lora, 1.0, 0.0)
            positive = InstDiffInstanceConditioning.execute(positive, (layout,), own, str(chosen + 1), strength).args[0]
        model, studio.model = studio.grounded([layout], settings), plain
        latents = studio.latents(model, positive, [seed], (256, 256), settings)
        return (studio.vae.decode(latents)[0].clamp(0, 1) * 255).round().byte().numpy()


def measure(pictures: dict[str, list[np.ndarray]], given: list[tuple[Layout, int]]) -> dict[str, dict[str, float]]:
    """case -> shares of chosen and of other instances that are checkered; change (0..255) inside and outside against the same without the LoRA."""
    out = {}
    for case, drawn in pictures.items():
        bare = pictures["branches, without" if case.startswith("branches") else "without"]
        textures, changes = {"chosen": [], "others": []}, {"inside": [], "outside": []}
        for picture, before, (layout, chosen) in zip(drawn, bare, given, strict=True):
            for i, instance in enumerate(layout.instances):
                near = [
                    d
                    for d in detect_shapes(picture)
                    if d.attributes["shape"] in instance.prompt.split()
                    and d.attributes["color"] in instance.prompt.split()
                ]
                textures["chosen" if i == chosen else "others"] += [
                    d.attributes["texture"] == TEXTURE and TEXTURE not in instance.prompt for d in near[:1]
                ]
            x0, y0, x1, y1 = layout.instances[chosen].box
            inside = draw_box((x0, y0, x1, y1), 256, 256)
            grown = draw_box(
                (
                    max(x0 - MARGIN / 256, 0),
                    max(y0 - MARGIN / 256, 0),
                    min(x1 + MARGIN / 256, 1),
                    min(y1 + MARGIN / 256, 1),
                ),
                256,
                256,
            )
            change = np.abs(picture.astype(int) - before.astype(int)).mean(-1)
            changes["inside"].append(change[inside].mean())
            changes["outside"].append(change[~grown].mean())
        out[case] = {f"checkered {who}": round(float(np.mean(hits)), 3) for who, hits in textures.items()}
        out[case] |= {f"change {where}": round(float(np.mean(values)), 2) for where, values in changes.items()}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help="layouts; results are written for all of them only")
    args = parser.parse_args()
    painter, given = Painter(), scenes(args.count)
    pictures = {
        case: [painter.draw(layout, chosen, n, case) for n, (layout, chosen) in enumerate(given)] for case in CASES
    }
    result = {
        "cases": measure(pictures, given),
        "layouts": args.count,
        "stream": STREAM,
        "command": "python tests/bench/instance_lora.py",
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if args.count == COUNT:
        rows = [("layout", [draw_layout(layout, 256, 256) for layout, _ in given[:COLUMNS]])]
        rows += [
            (title, [Image.fromarray(picture) for picture in pictures[case][:COLUMNS]]) for title, case in ROWS.items()
        ]
        sheet(rows, SIDE, TITLE).save(ROOT / "web" / "docs" / "instance-lora.jpg", quality=88)
        (HERE / "instance_lora.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_pages.write()


if __name__ == "__main__":
    main()
