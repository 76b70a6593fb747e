"""What the flow transformer learns from: latents of whole scenes and of single objects, with the features of their captions.

A kind is what a batch has in common, its canvas and the length of its captions. Everything lies on the device, and a batch is drawn there.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import lab
import models
import numpy as np
import tokens
import torch
import worlds
from instdiff.instdiff_modules.sampling.branch_window import Cells, window_of
from instdiff.instdiff_modules.shapeworld.outlines import half_extent
from support.shapeworld import captions
from support.shapeworld.scene import Scene, Thing
from torch import Tensor

SIDE = 32  # latent cells
LENGTHS = (20, 32, WIDE := 44)  # tokens of a caption: filled up behind its end to the next of these
ALONE = 12  # of a single object's
# Canvases of single objects, in cells: as narrow as the windows of multi-instance sampling are, so that what fills one has been seen.
CANVASES = ((8, 8), (8, 10), (10, 8), (10, 10), (10, 12), (12, 10), (12, 12), (14, 14), (18, 18))
OBJECTS, SMALLER = 0.5, 2  # share of the steps with single objects; these have so many more pictures
# Shares of the ways in which a caption is given: as a sentence, without the background, in pieces (each phrase encoded by itself, one behind
# the other, as the prompts of regions are); the rest has none. A window of multi-instance sampling is prompted without the background.
SHARES, SHARES_ALONE = (0.4, 0.1, 0.4), (0.25, 0.4, 0.25)
HELD = 64


class Kind(NamedTuple):
    """latents (n, 4, h, w) half, rows (n, 3, L) of the features of sentence, bare and pieces, none (L,); share of the steps."""

    latents: Tensor
    rows: Tensor
    none: Tensor
    features: Tensor
    share: float

    @property
    def name(self) -> str:
        return f"{len(self.latents)} of {self.latents.shape[-2]} x {self.latents.shape[-1]} with {self.rows.shape[-1]}"

    @property
    def is_alone(self) -> bool:
        return self.latents.shape[-1] < SIDE

    def draw(self, size: int) -> tuple[Tensor, Tensor]:
        """Latents (size, 4, h, w), features of their captions (size, L, 128)."""
        device = self.latents.device
        size *= SMALLER if self.is_alone else 1
        at = torch.randint(len(self.latents), (size,), device=device)
        luck, edges = torch.rand(size, device=device), np.cumsum(SHARES_ALONE if self.is_alone else SHARES).tolist()
        way = (luck >= edges[0]).long() + (luck >= edges[1])
        rows = torch.where((luck >= edges[2])[:, None], self.none, self.rows[at, way])
        return self.latents[at].float(), self.features[rows].float()


class Entry(NamedTuple):
    """A picture: scene and cells of the pool's latents, sentence, the same without its background, pieces."""

    shard: int
    number: int
    cells: Cells
    sentence: str
    bare: str
    pieces: tuple[str, ...]


class Texts:
    """Features of prompts by the frozen text encoder, each encoded once: WIDE rows of one table for each."""

    def __init__(self, text: models.TextEncoder, prompts: Sequence[str]) -> None:
        self.known = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
        self.features = torch.cat([self._encoded(text, some) for some in _parts(list(self.known), 512)]).flatten(0, 1)

    @torch.no_grad()
    def _encoded(self, text: models.TextEncoder, prompts: list[str]) -> Tensor:
        return text(tokens.encode(prompts).long().to(lab.DEVICE))[:, :WIDE].half()

    def rows(self, pieces: Sequence[str], length: int) -> np.ndarray:
        """(length,): one behind the other, and behind the last what the text encoder says there."""
        starts, lengths = [self.known[piece] * WIDE for piece in pieces], [count(piece) for piece in pieces]
        lengths[-1] = WIDE
        return np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)])[:length]


def _parts(some: list, size: int) -> list[list]:
    return [some[i : i + size] for i in range(0, len(some), size)]


def count(prompt: str) -> int:
    """Tokens with start and end."""
    return tokens.rows(prompt).index(2) + 1


def whole(shard: int, number: int, scene: Scene) -> Entry:
    phrases = [thing.phrase for thing in scene.things]
    pieces = (f"on a {scene.background} background", *phrases)
    return Entry(shard, number, Cells(0, 0, SIDE, SIDE), scene.caption, captions.sentence(phrases, None), pieces)


def alone(shard: int, number: int, scene: Scene) -> list[Entry]:
    """The things that nothing else comes near, each on the smallest of CANVASES that holds its window."""
    boxes, found = [_box(thing) for thing in scene.things], []
    rng = np.random.default_rng((shard, number))
    for i, (thing, box) in enumerate(zip(scene.things, boxes, strict=True)):
        window = window_of(box, SIDE, SIDE)
        canvas = next((c for c in CANVASES if c[0] >= window.height and c[1] >= window.width), None)
        if canvas is None:
            continue
        top, left = (
            int(rng.integers(max(0, at + length - side), min(at, SIDE - side) + 1))
            for at, length, side in zip(window[:2], window[2:], canvas, strict=True)
        )
        cells = Cells(top, left, *canvas)
        if all(_apart(cells, other) for k, other in enumerate(boxes) if k != i):
            sentence = captions.sentence([thing.phrase], scene.background)
            pieces = (f"on a {scene.background} background", thing.phrase)
            found.append(Entry(shard, number, cells, sentence, thing.phrase, pieces))
    return found


def _box(thing: Thing) -> tuple[float, float, float, float]:
    (x, y), (wide, tall) = thing.center, (extent * thing.size / 2 for extent in half_extent(thing.shape))
    return x - wide, y - tall, x + wide, y + tall


def _apart(cells: Cells, box: tuple[float, float, float, float]) -> bool:
    x0, y0, x1, y1 = (value * SIDE for value in box)
    return (
        x0 >= cells.left + cells.width or x1 <= cells.left or y0 >= cells.top + cells.height or y1 <= cells.top
    )  # fmt: skip


def entries(shard: int) -> list[Entry]:
    found = []
    for number in range(worlds.SHARD):
        scene = worlds.scene_of(shard * worlds.SHARD + number)
        found.append(whole(shard, number, scene))
        if shard not in worlds.CROWDED:
            found += alone(shard, number, scene)
    return found


def wanted(shard: int) -> bool:
    """Squares of the world of shapes with few enough things for a caption."""
    plan = worlds.plan(shard)
    return not plan.things and plan.size == (256, 256) and plan.counts[1] <= 12


def read(folder: Path) -> tuple[dict[int, Tensor], list[Entry]]:
    """Latents by shard, and what is to be seen in them. To be called before a GPU wakes, since its processes are forked."""
    paths = {int(path.stem): path for path in sorted(folder.glob("*.pt")) if wanted(int(path.stem))}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("fork")) as processes:
        found = [entry for some in processes.map(entries, paths) for entry in some]
    return {shard: torch.load(path, weights_only=True)["latents"] for shard, path in paths.items()}, found


class Pool:
    """kinds: of training. held: the last scenes of the first shard, as a kind; they are not trained on, nor are their objects."""

    def __init__(self, latents: dict[int, Tensor], found: list[Entry], text: models.TextEncoder) -> None:
        first = min(latents)
        prompts = [prompt for entry in found for prompt in (entry.sentence, entry.bare, *entry.pieces)]
        texts = Texts(text, ["", *prompts])
        groups, held = defaultdict(list), []
        for entry in found:
            is_whole, apart = entry.cells.height == SIDE, (entry.shard, entry.number) >= (first, worlds.SHARD - HELD)
            need = max(count(entry.sentence), sum(map(count, entry.pieces)))
            length = next((n for n in LENGTHS if need <= n), None) if is_whole else ALONE
            if apart and entry.shard == first:
                held += [entry] if is_whole else []
            elif length is not None:
                groups[entry.cells[2:], length].append(entry)
        pictures = sum(len(some) for (canvas, _), some in groups.items() if canvas[0] == SIDE)
        objects = sum(map(len, groups.values())) - pictures
        self.kinds = []
        for ((side, _), length), some in sorted(groups.items()):
            share = (1 - OBJECTS) * len(some) / pictures if side == SIDE else OBJECTS * len(some) / objects
            self.kinds.append(self._kind(some, length, share, latents, texts))
        self.held = self._kind(held, LENGTHS[-1], 0.0, latents, texts)

    def _kind(self, some: list[Entry], length: int, share: float, latents: dict[int, Tensor], texts: Texts) -> Kind:
        pictures = torch.stack([entry.cells.of(latents[entry.shard][entry.number]) for entry in some])
        ways = [((entry.sentence,), (entry.bare,), entry.pieces) for entry in some]
        rows = np.stack([[texts.rows(pieces, length) for pieces in way] for way in ways])
        none = torch.from_numpy(texts.rows(("",), length))
        return Kind(
            pictures.to(lab.DEVICE), torch.from_numpy(rows).to(lab.DEVICE), none.to(lab.DEVICE), texts.features, share
        )
