"""Batches of stage two: latents, captions and what is told of each instance, drawn as a training wants them.

Any of the location formats may be missing, per picture or per instance, and now and then an instance, the caption or everything.
Everything lies on the device, and nothing is read back from it.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import grounded
import lab
import make_layouts
import tokens
import torch
import torch.nn.functional as F
import train_base
import worlds
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs
from instdiff.instdiff_modules.sampling.layout_masks import LEAST
from make_layouts import FEW, MOST
from torch import Tensor

# What a person may give, and the formats that the pack makes of it (a mask brings its box, a box its centre).
GIVEN = {"box": 0.2, "point": 0.35, "scribble": 0.4, "box scribble": 0.05}
GIVEN_THINGS = {"box": 0.4, "point": 0.35, "scribble": 0.2, "box scribble": 0.05}  # where there is no other world
GIVEN_CROWDED = {"box": 0.45, "point": 0.35, "scribble": 0.15, "box scribble": 0.05}
GIVEN_WITH_MASKS = {"mask": 0.7, "mask scribble": 0.15, "box": 0.05, "point": 0.05, "scribble": 0.05}
MIXED = 0.25  # of the pictures have instances with different formats
ANY_PIXEL = 0.15  # of the points are any pixel well inside the object, the rest its middle
RINGS = 2  # times as often as others pictures with a ring are drawn: where one is meant by a point on its band is the hardest to tell
NO_INSTANCE, NO_CAPTION, NOTHING = 0.1, 0.1, 0.1
LOCATIONS = ("box", "mask", "point", "scribble")
# Crowded scenes: as any other; as *overlap: by depth* draws them (whole boxes, what is hidden of an instance is not seen); or as the later
# steps of an instance's branch: one instance and its own words in a picture that holds all.
ORDERED, BRANCH = 0.35, 0.2
WHOLE_BOXES = 0.5  # of the others have boxes as people draw them, around what is hidden, too
BRANCH_TIMES = 650  # while the branch's picture still has a background of its own, no other instance is there
SQUARE = (32, 32)
CROWDED, CROWDED_SHARE = "crowded", 0.3  # of the batches, where there are such scenes


class Batch(NamedTuple):
    """cover (B, SLOTS, h, w): what each instance fills; through (B, SLOTS, cells): the log of what is seen of each, or None;
    branch (B,): which pictures are a branch's."""

    latents: Tensor
    ids: Tensor
    inputs: GroundingInputs
    cover: Tensor
    through: Tensor | None
    branch: Tensor


def weighted(totals: Tensor, size: int) -> Tensor:
    """`size` indices, each as often as its share of the running `totals` (n,) says."""
    at = torch.searchsorted(totals, torch.rand(size, device=totals.device, dtype=totals.dtype) * totals[-1], right=True)
    return at.clamp(max=len(totals) - 1)


@lru_cache(maxsize=8)
def _kinds(shares: tuple[tuple[str, float], ...]) -> tuple[Tensor, Tensor]:
    totals = torch.tensor([share for _, share in shares]).cumsum(0)
    table = torch.tensor([[location in given.split() for given, _ in shares] for location in LOCATIONS])
    return totals.to(lab.DEVICE), table.to(lab.DEVICE)


def draw_formats(shares: dict[str, float], size: int) -> dict[str, Tensor]:
    """format -> (size, MOST) bool: what is given of every instance; most pictures give the same of all."""
    totals, table = _kinds(tuple(shares.items()))
    kinds = weighted(totals, size * MOST).view(size, MOST)
    kinds = torch.where(torch.rand(size, 1, device=lab.DEVICE) < MIXED, kinds, kinds[:, :1])
    return {location: row[kinds] for location, row in zip(LOCATIONS, table, strict=True)}


class Pairs:
    """The shards that have both latents and layouts, those of one canvas together, crowded ones apart."""

    def __init__(self, folder: Path, text: Tensor) -> None:
        parts: dict[object, list[dict[str, Tensor]]] = {}
        paths = sorted((folder / "layouts").glob("*.pt"))
        self.given = GIVEN_THINGS if all(worlds.plan(int(path.stem)).things for path in paths) else GIVEN
        for path in paths:
            if (pool := folder / "pool" / path.name).exists():
                part = {
                    key: value.to(lab.DEVICE)
                    for file in (pool, path)
                    for key, value in torch.load(file, weights_only=True, mmap=True).items()
                }
                kind = CROWDED if "through" in part else tuple(part["latents"].shape[-2:])
                parts.setdefault(kind, []).append(part)
        self.data = {
            kind: {key: torch.cat([part.pop(key) for part in some]) for key in list(some[0])}
            for kind, some in parts.items()
        }
        ring = torch.tensor([phrase.split()[-1] == "ring" for phrase in make_layouts.PHRASES]).to(lab.DEVICE)
        for d in self.data.values():
            real = torch.arange(MOST, device=lab.DEVICE) < d["count"][:, None]
            often = 1 + (RINGS - 1) * (ring[d["phrase"].long()] & real).any(1).double()
            d["totals"] = often.cumsum(0)
        counts = {kind: float(len(d["count"])) for kind, d in self.data.items() if kind != CROWDED}
        usual = (1 - CROWDED_SHARE if CROWDED in self.data else 1) / sum(counts.values())
        self.kinds = {kind: usual * count for kind, count in counts.items()}
        if CROWDED in self.data:
            self.kinds[CROWDED] = CROWDED_SHARE
        self.text, self.empty = text, tokens.encode([""])[0].long().to(lab.DEVICE)
        self.phrase_ids = tokens.encode(make_layouts.PHRASES).long().to(lab.DEVICE)

    def batch(self, kind: object, size: int, with_masks: float) -> Batch:
        """`size` pictures of a kind; the first `with_masks` (share) of them may be told by masks."""
        d, here = self.data[kind], {"device": lab.DEVICE}
        at = weighted(d["totals"], size)
        count, phrase = d["count"][at][:, None], d["phrase"][at].long()
        real = torch.arange(MOST, **here) < count
        bare = torch.rand(size, 1, **here) < train_base.NO_BACKGROUND  # as a multi-instance branch's prompt is
        ids = torch.where(bare, d["bare"][at], d["captions"][at]).long()
        present, quiet = _present(real)
        masked = round(size * with_masks)
        told = draw_formats(GIVEN_CROWDED if kind == CROWDED else self.given, size)
        with_mask = draw_formats(GIVEN_WITH_MASKS, masked)
        has = {f: torch.cat((with_mask[f], told[f][masked:])) for f in LOCATIONS}
        boxes, points, through = d["boxes"][at].float(), d["points"][at].float(), None
        branch = torch.zeros(size, 1, dtype=torch.bool, **here)
        if kind == CROWDED:
            luck = torch.rand(size, 1, **here)
            ordered, branch = luck < ORDERED, luck > 1 - BRANCH
            whole = ordered | ((torch.rand(size, 1, **here) < WHOLE_BOXES) & ~branch)
            boxes = torch.where(whole[..., None], F.pad(d["whole"][at], (0, 0, 0, MOST - FEW)), boxes)
            points = torch.cat((boxes.unflatten(-1, (2, 2)).mean(-2)[:, :, None], points[:, :, 1:]), 2)
            own = (torch.rand(size, MOST, **here) * real).argmax(1, keepdim=True)
            alone = torch.arange(MOST, **here) == own
            present = torch.where(branch, alone, torch.where(ordered, real, present))
            has = {f: torch.where(ordered, torch.full_like(given, f == "box"), given) for f, given in has.items()}
            ids = torch.where(branch, self.phrase_ids[phrase.gather(1, own)[:, 0]], ids)
            quiet = quiet & ~branch
            hidden = d["through"][at].float().clamp(min=LEAST).log() * ordered[..., None]
            through = F.pad(hidden, (0, 0, 0, grounded.SLOTS - FEW))
        ids = torch.where(quiet, self.empty, ids)
        has = {f: given & present for f, given in has.items()}
        box = has["box"] | has["mask"]
        which = (1 + (torch.rand(box.shape, **here) < ANY_PIXEL).long()) * ~box
        pick = torch.arange(size, **here)[:, None], torch.arange(MOST, **here)[None, :]
        latents, labels = d["latents"][at].float(), d["labels"][at]
        shapes = labels[:, None] == torch.arange(1, MOST + 1, device=labels.device, dtype=labels.dtype)[:, None, None]
        cover = F.avg_pool2d((shapes & present[..., None, None]).bfloat16(), 8).float()
        shown = (shapes[:masked] & has["mask"][:masked, :, None, None]).bfloat16()
        segs = F.interpolate(shown, (512, 512), mode="bilinear") if masked else shown

        def slots(values: Tensor, mask: Tensor) -> Tensor:
            return values.float() * mask[..., None]

        stroke = torch.randint(2, box.shape, **here)
        inputs = GroundingInputs(
            slots(boxes, box),
            slots(points[pick[0], pick[1], which], box | has["point"]),
            slots(d["scribbles"][at][pick[0], pick[1], stroke], has["scribble"]),
            slots(d["polygons"][at], has["mask"]),
            segs,
            slots(self.text[phrase], present),
            present.float(),
            box.float(),
            (box | has["point"]).float(),
            has["scribble"].float(),
            has["mask"].float(),
            has["mask"].any(1).float(),
        )
        return Batch(latents, ids, inputs, cover, through, branch[:, 0])


def _present(real: Tensor) -> tuple[Tensor, Tensor]:
    """Which of the instances that are there (size, MOST) are told; which pictures have no caption (size, 1)."""
    here = {"device": real.device}
    quiet = torch.rand(len(real), 1, **here) < NO_CAPTION
    present = real & (torch.rand(real.shape, **here) >= NO_INSTANCE)
    nothing = torch.rand(len(real), 1, **here) < NOTHING
    return present & ~nothing, quiet | (nothing & (torch.rand(len(real), 1, **here) < 0.8))


@torch.no_grad()
def phrase_features(text: torch.nn.Module) -> Tensor:
    """(n, width): CLIP's pooled feature of every instance caption, at its end token, before any projection."""
    ids = tokens.encode(make_layouts.PHRASES).long().to(lab.DEVICE)
    end = (ids == 2).int().argmax(1)  # row 2 is the end token
    return text(ids)[torch.arange(len(ids), device=ids.device), end]


def frozen_base(folder: Path) -> train_base.Base:
    base = train_base.Base().to(lab.DEVICE)
    base.load_state_dict(lab.averaged(lab.load_state(folder / "base.pt")))
    return base.requires_grad_(False).eval()
