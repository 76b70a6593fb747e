"""Scenes as pictures, each with its layout beside it, for the pack's own trainer: python make_dataset.py FOLDER SHARDS... (7 or 100-107)"""

import sys
from pathlib import Path

import lab
import worlds
from instdiff.instdiff_modules.layout.document import layout_to_json
from PIL import Image
from support.shapeworld.layouts import scene_layout


def write(folder: Path, number: int) -> None:
    """NUMBER.png and NUMBER.json."""
    scene = worlds.scene_of(number)
    drawn = worlds.draw_scene(scene)
    Image.fromarray(drawn.picture).save(folder / f"{number:07}.png")
    text = layout_to_json(scene_layout(scene, number, drawn.visible))
    (folder / f"{number:07}.json").write_text(text, encoding="utf-8")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for shard in worlds.numbers(sys.argv[2:]):
        for number in range(shard * worlds.SHARD, (shard + 1) * worlds.SHARD):
            if not (folder / f"{number:07}.json").exists():
                write(folder, number)
        lab.say(f"shard {shard}")


if __name__ == "__main__":
    main()
