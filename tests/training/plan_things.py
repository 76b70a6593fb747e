"""Scenes of things as numbers, for `paint_things.py`: python plan_things.py STATE_DIR SHARDS...

Shard k becomes plans/k.pt, half a megabyte: what is where (n, MOST, 6), its caption's number (n, MOST), how many (n,), the background's
bands (n, 6) and their colours (n, 6, 3), its wave (n, 4), and rows of the captions (n, 77). places.pt: `thing_places.places`, the same for all.
"""

import sys
from pathlib import Path

import lab
import make_layouts
import numpy as np
import thing_places
import tokens
import torch
import worlds
from instdiff.instdiff_modules.shapeworld.vocabulary import COLORS
from make_layouts import MOST
from support.thingworld import render
from support.thingworld.emoji import sprite
from support.thingworld.scene import Item, ThingScene, random_things
from support.thingworld.words import COATS, KIND, KINDS, LANDSCAPES

BANDS = 6
NEVER = 2.0  # a share of the height that no row has
# Every picture that a thing may have, and the kind whose places it shares.
SPRITES = [(kind.word, color) for kind in KINDS for color in (COATS if kind.hue is not None else ("",))]
SPRITE = {one: i for i, one in enumerate(SPRITES)}
KIND_OF = [KINDS.index(KIND[word]) for word, _ in SPRITES]


def placed(item: Item, width: int, height: int) -> tuple[int, ...]:
    """Sprite, whether it is mirrored, left, top, width, height in pixels: as `render_things` has them."""
    wide, tall = sprite(item.word, item.color).size
    scale = item.size * min(width, height) / max(wide, tall)
    wide, tall = (max(1, round(v * scale)) for v in (wide, tall))
    left = min(max(round(item.center[0] * width - wide / 2), 0), width - wide)
    top = min(max(round(item.center[1] * height - tall / 2), 0), height - tall)
    mirrored = bool(item.facing) and item.facing != KIND[item.word].faces
    return SPRITE[item.word, item.color], int(mirrored), left, top, wide, tall


def background(scene: ThingScene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where bands begin (BANDS,), their colours (BANDS, 3), hill, frequency, phase and shift of the wave (4,): `render.background`'s."""
    if scene.background in LANDSCAPES:
        bands = render.BANDS[scene.background]
        wave = render.wave(scene)
    else:
        ends = [COLORS[name] for name in scene.background.split(" and ")]
        bands, wave = ((0.0, ends[0]), (1.0, ends[-1])), (0.0, 0.0, 0.0, 0.0)
    at, colors = np.full(BANDS, NEVER, np.float32), np.zeros((BANDS, 3), np.float32)
    for i, (begin, color) in enumerate(bands):
        at[i], colors[i] = begin, color
        if i and begin == bands[i - 1][0]:
            at[i] += render.EDGE
    return at, colors, np.array(wave, np.float32)


def planned(first: int, count: int) -> dict[str, torch.Tensor]:
    width, height = worlds.plan(first // worlds.SHARD).size
    counts = worlds.plan(first // worlds.SHARD).counts
    scenes = [random_things((worlds.THING_STREAM, first + n), width, height, counts) for n in range(count)]
    index = {text: i for i, text in enumerate(make_layouts.PHRASES)}
    items, phrase = np.zeros((count, MOST, 6), np.int16), np.zeros((count, MOST), np.int16)
    for n, scene in enumerate(scenes):
        for i, item in enumerate(scene.things):
            items[n, i], phrase[n, i] = placed(item, width, height), index[item.phrase]
    at, colors, wave = (np.stack(part) for part in zip(*map(background, scenes), strict=True))
    return {
        **{name: torch.from_numpy(value) for name, value in (("items", items), ("phrase", phrase), ("at", at), ("colors", colors), ("wave", wave))},
        "count": torch.tensor([len(scene.things) for scene in scenes], dtype=torch.uint8),
        "captions": tokens.encode([scene.caption for scene in scenes]),
        "bare": tokens.encode([worlds.bare_caption(scene) for scene in scenes]),
        "placed": tokens.encode([scene.placed_caption for scene in scenes]),
    }  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    if not (folder / "places.pt").exists():
        lab.save_state(folder / "places.pt", thing_places.places()._asdict())
    for shard in worlds.numbers(sys.argv[2:]):
        path = folder / "plans" / f"{shard:04}.pt"
        if not path.exists():
            lab.save_state(path, planned(shard * worlds.SHARD, worlds.SHARD))
            lab.say(f"plan {shard}")


if __name__ == "__main__":
    main()
