"""Scenes of things as plain values, and the seeded generator that places them."""

from dataclasses import dataclass

import numpy as np
from support.shapeworld import captions
from support.thingworld.emoji import sprite
from support.thingworld.words import COATS, KINDS, LANDSCAPES, LEFT, RIGHT, phrase

# Rules of placement, as shares of the canvas' shorter side or of a thing's box.
SMALLEST, LARGEST = 0.2, 0.6
TINY = 0.13  # of the smallest thing where there are many
MARGIN = 0.01
CROWDED = 0.95  # with n things on a square, sizes stay below CROWDED / sqrt(n)
OVERLAP_SHARE = 0.35  # of the scenes allow things to overlap
MIN_VISIBLE = 0.7  # of a thing's box stays uncovered
ATTRIBUTE_SHARE = 0.8  # of the colours and directions are said in the captions
ROUGH = 96  # cells of the shorter side on which covering is estimated
LANDSCAPE_SHARE, GRADED_SHARE = 0.45, 0.2  # of the backgrounds; the rest is plain


@dataclass(frozen=True)
class Item:
    """One thing: center (x, y) as shares of the canvas' width and height, size = longer side / shorter canvas side; said: what
    of colour and direction the captions tell."""

    word: str
    color: str
    facing: str
    center: tuple[float, float]
    size: float
    said: tuple[bool, bool] = (True, True)

    @property
    def phrase(self) -> str:
        return phrase(self.word, self.color if self.said[0] else "", self.facing if self.said[1] else "")


@dataclass(frozen=True)
class ThingScene:
    """Things in depth order (the last is in front). background: "blue", "blue and white" (graded, top first) or a landscape."""

    width: int
    height: int
    background: str
    things: tuple[Item, ...]
    seed: int = 0  # of the landscape's forms

    @property
    def caption(self) -> str:
        """Half of the scenes say of every second thing where it is beside the next one: "a cat left of a tree and an owl above a car"."""
        if self.seed % 2:
            return self._sentence([thing.phrase for thing in self.things])
        pairs = [self.things[i : i + 2] for i in range(0, len(self.things), 2)]
        return self._sentence([self._related(*pair) if len(pair) == 2 else pair[0].phrase for pair in pairs])

    @property
    def bare_caption(self) -> str:
        return captions.sentence([thing.phrase for thing in self.things], None)

    @property
    def placed_caption(self) -> str:
        return self._sentence([f"{thing.phrase} {captions.place(*thing.center)}" for thing in self.things])

    def _related(self, one: Item, other: Item) -> str:
        right, down = (b - a for a, b in zip(one.center, other.center, strict=True))
        beside = abs(right) * self.width > abs(down) * self.height
        relation = ("left of" if right > 0 else "right of") if beside else ("above" if down > 0 else "below")
        return f"{one.phrase} {relation} {other.phrase}"

    def _sentence(self, phrases: list[str]) -> str:
        if self.background in LANDSCAPES:
            return f"{captions.sentence(phrases, None)} {LANDSCAPES[self.background]}"
        return captions.sentence(phrases, self.background)


def random_things(
    seed: int | tuple[int, ...],
    width: int = 256,
    height: int = 256,
    counts: tuple[int, int] = (1, 6),
    overlaps: bool | None = None,
) -> ThingScene:
    """The scene of a seed. counts: fewest and most things (fewer than drawn if no room is found); overlaps: None = now and then."""
    rng = np.random.default_rng(seed)
    background = _background(rng)
    count = int(rng.integers(counts[0], counts[1] + 1))
    if overlaps is None:
        overlaps = bool(rng.random() < OVERLAP_SHARE)
    area = width * height / min(width, height) ** 2
    most = min(LARGEST, CROWDED * (area / count) ** 0.5)
    least = max(TINY, min(SMALLEST, 0.6 * most))
    things: list[Item] = []
    for _ in range(40 * count):
        if len(things) == count:
            break
        item = _draw(rng, background, width, height, (least, most))
        if _fits(things, item, width, height, overlaps):
            things.append(item)
    if background in LANDSCAPES:  # what stands lower stands in front
        things.sort(key=lambda item: item.center[1] + _extent(item)[1] * item.size * min(width, height) / height / 2)
    return ThingScene(width, height, background, tuple(things), int(rng.integers(2**31)))


def _background(rng: np.random.Generator) -> str:
    luck = rng.random()
    if luck < LANDSCAPE_SHARE:
        return str(rng.choice(tuple(LANDSCAPES)))
    plain = ("white", *COATS, "black")
    if luck < LANDSCAPE_SHARE + GRADED_SHARE:
        return " and ".join(rng.choice(plain[:-1], 2, replace=False))
    return str(rng.choice(plain))


def _draw(rng: np.random.Generator, background: str, width: int, height: int, sizes: tuple[float, float]) -> Item:
    side = min(width, height)
    kind = KINDS[rng.integers(len(KINDS))]
    color = "" if kind.hue is None else str(rng.choice([c for c in COATS if c not in background.split()]))
    facing = str(rng.choice((LEFT, RIGHT))) if kind.faces else ""
    size = float(rng.uniform(*sizes))
    said = rng.random(2) < ATTRIBUTE_SHARE
    item = Item(kind.word, color, facing, (0.5, 0.5), size, (bool(said[0]), bool(said[1])))
    wide, tall = (extent * size / 2 + MARGIN for extent in _extent(item))
    x = rng.uniform(wide * side / width, 1 - wide * side / width)
    y = rng.uniform(tall * side / height, 1 - tall * side / height)
    return Item(kind.word, color, facing, (float(x), float(y)), size, item.said)


def _extent(item: Item) -> tuple[float, float]:
    """Width and height of a thing's picture, its longer side = 1."""
    picture = sprite(item.word)
    longer = max(picture.size)
    return picture.width / longer, picture.height / longer


def _fits(things: list[Item], new: Item, width: int, height: int, overlaps: bool) -> bool:
    stack = [*things, new]
    covers = [_rough(item, width, height) for item in stack]
    if not any((covers[-1] & cover).any() for cover in covers[:-1]):
        return True
    if not overlaps:
        return False
    hidden = np.zeros_like(covers[0])
    for cover in reversed(covers):
        if (cover & ~hidden).sum() < MIN_VISIBLE * cover.sum():
            return False
        hidden |= cover
    return True


def _rough(item: Item, width: int, height: int) -> np.ndarray:
    scale = ROUGH / min(width, height)
    out = np.zeros((round(height * scale), round(width * scale)), bool)
    wide, tall = (extent * item.size * ROUGH / 2 for extent in _extent(item))
    x, y = item.center[0] * out.shape[1], item.center[1] * out.shape[0]
    out[max(0, int(y - tall)) : int(y + tall) + 1, max(0, int(x - wide)) : int(x + wide) + 1] = True
    return out
