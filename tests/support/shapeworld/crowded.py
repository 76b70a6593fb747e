"""Scenes in which objects overlap, lie inside others, or stand close: what the ordinary ones hardly show."""

import numpy as np
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from support.shapeworld.scene import MARGIN, MIN_TEXTURED, Scene, Thing, rough_cover

KINDS = {"inside": 0.5, "stacked": 0.25, "close": 0.25}
WHOLES = ("circle", "square", "heart", "triangle")  # shapes with room inside
WHOLE_SIZE = (0.4, 0.72)  # longer sides, in canvas sides
PART_SIZE = (0.12, 0.3)  # and at most half as long as the whole
STACKED_SIZE, STACKED_VISIBLE = (0.25, 0.5), 0.5
CLOSE_SIZE, CLOSE_GAP = (0.09, 0.18), (0.005, 0.05)
SIDE = 256


def crowded_scene(seed: int | tuple[int, ...]) -> Scene:
    """The scene of a seed, 256 x 256 pixels: of each kind as often as KINDS says."""
    rng = np.random.default_rng(seed)
    background = str(rng.choice(words.COLOR_NAMES))
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    draw = {"inside": _inside, "stacked": _stacked, "close": _close}[kind]
    return Scene(SIDE, SIDE, background, tuple(draw(rng, background)))


def _inside(rng: np.random.Generator, background: str) -> list[Thing]:
    """A large object with one to four small ones on it; pairs of them may be alike, as eyes are. Now and then another beside it."""
    whole = _thing(rng, rng.choice(WHOLES), float(rng.uniform(*WHOLE_SIZE)), [background], textured=0.15)
    count, parts = int(rng.integers(1, 5)), []
    own = rough_cover(whole, SIDE, SIDE)
    for _ in range(60):
        if len(parts) == count:
            break
        size = float(rng.uniform(PART_SIZE[0], min(PART_SIZE[1], whole.size / 2)))
        part = _thing(rng, rng.choice(words.SHAPES), size, [whole.color])
        if parts and rng.random() < 0.3:
            part = Thing(parts[0].shape, parts[0].color, parts[0].texture, part.center, parts[0].size)
        reach = max(whole.size - part.size, 0) / 2
        part = _moved(part, tuple(c + float(rng.uniform(-reach, reach)) for c in whole.center))
        cover = rough_cover(part, SIDE, SIDE)
        if (cover & own).sum() >= 0.97 * cover.sum() and all(_gap(part, other) > 0.01 for other in parts):
            parts.append(part)
    beside = []
    if rng.random() < 0.3:
        other = _thing(rng, rng.choice(words.SHAPES), float(rng.uniform(0.12, 0.25)), [background])
        beside = [other] if all(_gap(other, thing) > 0.03 for thing in (whole, *parts)) else []
    return [*beside, whole, *parts]


def _stacked(rng: np.random.Generator, background: str) -> list[Thing]:
    """Two to four objects of about one size, each before or behind another, and all of them largely seen."""
    count, things = int(rng.integers(2, 5)), []
    for _ in range(80):
        if len(things) == count:
            break
        taken = [background, *(thing.color for thing in things)]
        thing = _thing(rng, rng.choice(words.SHAPES), float(rng.uniform(*STACKED_SIZE)), taken)
        if things:
            near = things[int(rng.integers(len(things)))]
            angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.9) * (near.size + thing.size) / 2
            thing = _moved(
                thing, (near.center[0] + far * float(np.cos(angle)), near.center[1] + far * float(np.sin(angle)))
            )
        if _shown([*things, thing]):
            things.append(thing)
    return things


def _close(rng: np.random.Generator, background: str) -> list[Thing]:
    """Three to six small objects, each nearly touching the one before, and now and then a larger one below."""
    count, things = int(rng.integers(3, 7)), []
    size, straight = float(rng.uniform(*CLOSE_SIZE)), rng.uniform(0, 2 * np.pi)
    for _ in range(80):
        if len(things) == count:
            break
        thing = _thing(rng, rng.choice(words.SHAPES), size * float(rng.uniform(0.85, 1.15)), [background])
        if things:
            last = things[-1]
            if thing.color == last.color:
                continue
            angle = straight + rng.normal(0, 0.5)
            far = (last.size + thing.size) / 2 + float(rng.uniform(*CLOSE_GAP))
            thing = _moved(
                thing, (last.center[0] + far * float(np.cos(angle)), last.center[1] + far * float(np.sin(angle)))
            )
        if _within(thing) and all(_gap(thing, other) > 0.004 for other in things):
            things.append(thing)
        else:
            straight = rng.uniform(0, 2 * np.pi)
    return things


def _thing(rng: np.random.Generator, shape: str, size: float, taken: list[str], textured: float = 0.3) -> Thing:
    shape = str(shape)
    color = str(rng.choice([name for name in words.COLOR_NAMES if name not in taken]))
    rich = size >= MIN_TEXTURED[shape] and rng.random() < textured
    edge = size / 2 + MARGIN
    x, y = (float(rng.uniform(edge, 1 - edge)) for _ in range(2))
    return Thing(shape, color, str(rng.choice(words.TEXTURES[1:])) if rich else "plain", (x, y), size)


def _moved(thing: Thing, center: tuple[float, ...]) -> Thing:
    return Thing(thing.shape, thing.color, thing.texture, (center[0], center[1]), thing.size)


def _within(thing: Thing) -> bool:
    edge = thing.size / 2 + MARGIN
    return all(edge <= c <= 1 - edge for c in thing.center)


def _gap(one: Thing, other: Thing) -> float:
    """Between their square boxes; negative where they overlap."""
    reach = (one.size + other.size) / 2
    return max(abs(a - b) - reach for a, b in zip(one.center, other.center, strict=True))


def _shown(stack: list[Thing]) -> bool:
    """Whether at least STACKED_VISIBLE of each is seen, and all lie within the canvas."""
    if not all(map(_within, stack)):
        return False
    covers = [rough_cover(thing, SIDE, SIDE) for thing in stack]
    hidden = np.zeros_like(covers[0])
    for cover in reversed(covers):
        if (cover & ~hidden).sum() < STACKED_VISIBLE * cover.sum():
            return False
        hidden |= cover
    return True
