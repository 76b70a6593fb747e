"""One picture against its layout: which instance landed, and the numbers of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.masks import at_size, decode_mask, draw_box, encode_mask, mask_extent
from ..layout.frames import check_aspect
from ..layout.instance import Box, Instance, Layout, Mask, Point
from .attributes import COLORS, PAPER_TEXTURES, Wanted, color_map, leakage, wanted
from .classes import detection_class, instance_class
from .clip import LocalClip
from .detection import Detection
from .matching import check_pairs, ious, match, overlaps, same_class, share_inside, with_strays
from .record import InstanceRow, Record, Region


@dataclass(frozen=True)
class Settings:
    """classes: see `classes.py`. threshold: minimum overlap of an instance that passes, 0..1.
    categories: the words that the detector knows, for the classes "category"."""

    classes: str = "category"
    threshold: float = 0.5
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Of one instance: what its prompt wants, its detection, what is in its region, and the numbers between them."""

    asked: Wanted
    found: Detection | None
    there: Detection | None
    overlap: float
    box_iou: float | None
    mask_iou: float | None


def score_picture(
    name: str,
    layout: Layout,
    detections: Sequence[Detection],
    size: tuple[int, int],
    settings: Settings = Settings(),
    picture: np.ndarray | None = None,
    colors: bool = False,
    clip: LocalClip | None = None,
) -> Record:
    """size: (width, height) of the picture in pixels; masks of the detections have this size. Hidden instances do not count.

    picture (H, W, 3) uint8: for `colors` (leakage, in the shape world's colours) and `clip`. ValueError if the picture has
    another shape than the layout's canvas.
    """
    width, height = size
    check_aspect(layout, width, height, f"The picture {name}".strip())
    shown = [(number, instance) for number, instance in enumerate(layout.instances, 1) if instance.visible]
    check_pairs(len(shown), len(detections), f"The picture {name}".strip())
    masks = [None if instance.mask is None else at_size(instance.mask, height, width) for _, instance in shown]
    boxes = [_box(instance) for _, instance in shown]
    asked = [wanted(instance.prompt) for _, instance in shown]
    regions = tuple(
        Region(
            instance_class(instance, settings.classes, settings.categories),
            _pixels(box, size),
            mask,
            crowd=bool(instance.extra.get("iscrowd")),
            see_through=instance.opacity < 1,
        )
        for (_, instance), mask, box in zip(shown, masks, boxes, strict=True)
    )
    found = tuple(
        Region(
            detection_class(d, settings.classes),
            _pixels(d.box, size),
            None if d.mask is None else encode_mask(d.mask),
            d.score,
        )
        for d in detections
    )
    points = [[xy for part in _strokes(instance) for xy in part or ()] for _, instance in shown]
    by_box, by_mask = ious(regions, found, "box"), ious(regions, found, "mask")
    overlap = overlaps(by_mask, by_box, found, points, width, height)
    scores = [d.score for d in detections]
    fitting = same_class(regions, found)
    matches = match(overlap, fitting, scores)
    occupied = match(overlap, overlap >= settings.threshold, scores)
    masked = all(d.mask is not None for d in detections)  # without masks a miss says nothing about them either
    leaked = _leakage(picture, masks, boxes, asked) if colors and picture is not None else [None] * len(shown)
    read = _clip(clip, picture, boxes, [instance.prompt for _, instance in shown], asked)
    regions_found = with_strays(matches, fitting, scores)
    rows = []
    for i, (number, instance) in enumerate(shown):
        j, there = matches[i], occupied[i]
        facts = Facts(
            asked[i],
            None if j is None else detections[j],
            None if there is None else detections[there],
            0.0 if j is None else float(overlap[i, j]),
            _iou(by_box, i, j, regions[i].box),
            _iou(by_mask, i, j, regions[i].mask if masked else None),
        )
        inside = [
            _inside(points, None if j is None else found[j], size) if masked else None for points in _strokes(instance)
        ]
        row = _row(number, instance, facts, inside, settings, leaked[i], read[i])
        at = regions_found[i]
        rows.append(row if at is None else replace(row, found_box=found[at].box))
    return Record(name, width, height, regions, found, matches, tuple(rows))


def _row(
    number: int,
    instance: Instance,
    facts: Facts,
    inside: Sequence[float | None],
    settings: Settings,
    leaked: float | None,
    read: tuple[float | None, bool | None, bool | None],
) -> InstanceRow:
    color, texture = _agrees(facts.asked, facts.there)
    reason = _reason(facts, settings)
    point_in_mask, scribble_in_mask = inside
    clip, clip_color, clip_texture = read
    return InstanceRow(
        number,
        instance.id,
        instance.prompt,
        not reason,
        reason,
        facts.overlap,
        facts.box_iou,
        facts.mask_iou,
        point_in_mask,
        scribble_in_mask,
        color,
        texture,
        facts.asked.texture not in (None, "plain"),
        leaked,
        clip,
        clip_color,
        clip_texture,
    )


def _reason(facts: Facts, settings: Settings) -> str:
    """Why an instance did not pass; empty if it did."""
    if facts.found is None:
        label = "nothing" if facts.there is None else facts.there.label or "something else"
        return f"not found, {label} in its region"
    if facts.overlap < settings.threshold:
        return f"misplaced (overlap {facts.overlap:.2f}, minimum {settings.threshold:g})"
    color, texture = _agrees(facts.asked, facts.found)
    has = facts.found.attributes
    wrong = [f"{has['color']} instead of {facts.asked.color}"] if color is False else []
    wrong += [f"{has['texture']} instead of {facts.asked.texture or 'plain'}"] if texture is False else []
    return ", ".join(wrong)


def _agrees(asked: Wanted, seen: Detection | None) -> tuple[bool | None, bool | None]:
    """Whether colour and texture are those of the prompt; None if it names none, or the detection none. A shape of the
    shape world whose prompt names no texture must be plain."""
    has = {} if seen is None else seen.attributes
    texture = asked.texture or ("plain" if asked.shape else None)
    return (
        has["color"] == asked.color if asked.color and "color" in has else None,
        has["texture"] == texture if texture and "texture" in has else None,
    )


def _iou(values: np.ndarray, i: int, j: int | None, place: object) -> float | None:
    """0 for an instance without a detection; None if the instance or its detection has no such place."""
    if place is None:
        return None
    return 0.0 if j is None else None if np.isnan(values[i, j]) else float(values[i, j])


def _inside(points: Sequence[Point] | None, hit: Region | None, size: tuple[int, int]) -> float | None:
    """Points-in-Mask: share of the points in the mask of the instance's detection, 0 without a detection."""
    if points is None:
        return None
    return 0.0 if hit is None else share_inside(points, hit, *size)


def _box(instance: Instance) -> Box | None:
    return instance.box if instance.box is not None or instance.mask is None else mask_extent(instance.mask)


def _strokes(instance: Instance) -> tuple[Sequence[Point] | None, Sequence[Point] | None]:
    """Its point and its scribble."""
    return None if instance.point is None else [instance.point], instance.scribble


def _pixels(box: Box | None, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """x0, y0, x1, y1 in 0..1 -> x, y, width, height in pixels."""
    if box is None:
        return None
    (x0, x1), (y0, y1) = ((box[axis] * size[axis], box[axis + 2] * size[axis]) for axis in (0, 1))
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def _leakage(
    picture: np.ndarray, masks: Sequence[Mask | None], boxes: Sequence, asked: Sequence[Wanted]
) -> list[float | None]:
    height, width = picture.shape[:2]
    regions = [
        decode_mask(mask) if mask is not None else None if box is None else draw_box(box, height, width)
        for mask, box in zip(masks, boxes, strict=True)
    ]
    return leakage(color_map(picture), regions, [mask is not None for mask in masks], [a.color for a in asked])


def _clip(
    clip: LocalClip | None,
    picture: np.ndarray | None,
    boxes: Sequence[Box | None],
    prompts: Sequence[str],
    asked: Sequence[Wanted],
) -> list[tuple[float | None, bool | None, bool | None]]:
    """Of each instance with a box: score, and whether CLIP reads its prompt's colour and texture in the crop."""
    out: list[tuple] = [(None, None, None)] * len(boxes)
    known = [(i, box) for i, box in enumerate(boxes) if box is not None]
    if clip is None or picture is None or not known:
        return out
    places = [box for _, box in known]
    scores = clip.score(picture, places, [prompts[i] for i, _ in known])
    color, material = (clip.choose(picture, places, options) for options in (COLORS, PAPER_TEXTURES))
    for k, (i, _) in enumerate(known):
        want = asked[i]
        out[i] = (
            scores[k],
            color[k] == want.color if want.color else None,
            material[k] == want.material if want.material else None,
        )
    return out
