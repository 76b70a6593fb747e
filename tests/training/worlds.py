"""Which scenes the training sees: the shards of the pool, each with scenes of one world and one canvas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lab  # noqa: F401  (makes the pack importable)
import numpy as np
from instdiff.instdiff_modules.shapeworld.vocabulary import COLOR_NAMES
from support.shapeworld.captions import sentence
from support.shapeworld.crowded import crowded_scene
from support.shapeworld.render import Rendered, render
from support.shapeworld.scene import Scene, random_scene
from support.thingworld.render import render_things, without_unseen
from support.thingworld.scene import ThingScene, random_things

SHARD, STREAM, THING_STREAM = 1024, 7, 17
FEW_COLORS = range(
    20, 30
)  # shards: else a colour nearly always tells which thing is meant, and by a scribble the shape is not learned
CROWDED = range(50, 80)  # shards: objects that overlap, lie inside others, stand close
SHAPES, THINGS = (
    100,
    200,
)  # the first shards with canvases of other forms and up to 30 instances, and those of the other world
# Canvas and the fewest and most instances of every shard from SHAPES and from THINGS on, in turn.
VARIED = (
    ((256, 256), (7, 30)),
    ((512, 256), (1, 10)),
    ((256, 256), (1, 12)),
    ((256, 512), (1, 10)),
    ((384, 256), (1, 8)),
    ((256, 256), (1, 6)),
    ((256, 384), (1, 8)),
    ((512, 256), (8, 30)),
)


@dataclass(frozen=True)
class Plan:
    """What all scenes of a shard have in common."""

    things: bool
    size: tuple[int, int]
    counts: tuple[int, int]


def numbers(texts: Sequence[str]) -> list[int]:
    """Shards by number and range, "7" and "100-107"."""
    found = []
    for text in texts:
        first, _, last = text.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def plan(shard: int) -> Plan:
    if shard < SHAPES:
        return Plan(False, (256, 256), (1, 6))
    size, counts = VARIED[(shard - SHAPES) % len(VARIED)]
    return Plan(shard >= THINGS, size, counts)


def scene_of(number: int) -> Scene | ThingScene:
    """The scene of a number; shard k holds SHARD of them from k * SHARD on."""
    here = plan(number // SHARD)
    if here.things:
        return without_unseen(random_things((THING_STREAM, number), *here.size, here.counts))
    if number // SHARD in FEW_COLORS:  # its things stand apart and share one colour, or two
        scene = random_scene((STREAM, number), counts=(2, 6), overlaps=False)
        rng = np.random.default_rng((STREAM, number, 1))
        few = rng.choice([name for name in COLOR_NAMES if name != scene.background], rng.integers(1, 3), replace=False)
        return replace(scene, things=tuple(replace(thing, color=str(rng.choice(few))) for thing in scene.things))
    if number // SHARD in CROWDED:
        return crowded_scene((STREAM, number))
    return random_scene((STREAM, number), *here.size, here.counts)


def draw_scene(scene: Scene | ThingScene) -> Rendered:
    paint: Callable = render_things if isinstance(scene, ThingScene) else render
    return paint(scene)


def bare_caption(scene: Scene | ThingScene) -> str:
    """The caption without the background."""
    return sentence([thing.phrase for thing in scene.things], None)
