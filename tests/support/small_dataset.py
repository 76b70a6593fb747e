"""A folder of pictures with layouts: scenes of the demo model's world."""

from pathlib import Path

from instdiff.instdiff_modules.layout.document import layout_to_json
from PIL import Image
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene


def write_scenes(folder: Path, count: int, width: int = 256, height: int = 256) -> None:
    """scene000.png beside scene000.json, and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        scene = random_scene((i, width), width, height)
        rendered = render(scene)
        Image.fromarray(rendered.picture).save(folder / f"scene{i:03}.png")
        layout = scene_layout(scene, i, rendered.visible)
        (folder / f"scene{i:03}.json").write_text(layout_to_json(layout), encoding="utf-8")
