"""COCO annotations -> the layouts of the authors' evaluation (eval_local.py), picture by picture.

Their rules: pictures in the order of their ids; every annotation is an instance, crowds too, the first 30 are requested; the
phrase is the category's name, with one of eight colours or textures before it, chosen by the annotation's id; the prompt is
the first caption of the picture, at once followed by all names with commas; points are the centres of the boxes, scribbles 20
random pixels of the mask; the canvas is a square, whatever the photograph's shape. Where we differ: scribbles have a seed, the
annotation's id, and lie where the mask is (the authors' are only right for annotations made for 512x512).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..geometry.masks import decode_at_size, decode_mask, encode_mask
from ..geometry.points import box_center, mask_scribble_points
from ..importers.boxes import cut_box
from ..importers.coco import read_segmentation
from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Instance, Layout, Mask
from ..metrics.attributes import COLORS, PAPER_TEXTURES
from .annotations import Annotations, CocoPicture
from .source import ASKED_FOR

BENCHMARK_FORMATS = ("box", "mask", "point", "scribble", "colors", "textures")
# What each format is made with: the authors' test configuration, and the one location that it is about.
CONFIGURATIONS = {
    "box": "test_box",
    "mask": "test_mask",
    "point": "test_point",
    "scribble": "test_scribble",
    "colors": "test_mask",
    "textures": "test_mask",
}
LOCATION = {
    "box": "box",
    "mask": "mask",
    "point": "point",
    "scribble": "scribble",
    "colors": "mask",
    "textures": "mask",
}
LOCATIONS = ("authors", "given")  # see `asked_for`
WORDS = {"colors": COLORS, "textures": PAPER_TEXTURES}


@dataclass(frozen=True)
class CocoSource:
    """COCO's annotations as a `Source`. fingerprints: what run.json says of the files, {"annotations", "captions"}."""

    annotations: Annotations
    format: str
    locations: str
    fingerprints: Mapping[str, str | None]
    is_detected = True

    @property
    def ids(self) -> Mapping[str, int]:
        return {picture.name: picture.id for picture in self.annotations.pictures}

    @property
    def categories(self) -> Mapping[int, str]:
        return self.annotations.categories

    @property
    def location_formats(self) -> str:
        return f"authors' {CONFIGURATIONS[self.format]}" if self.locations == "authors" else "as given"

    @cached_property
    def _pictures(self) -> Mapping[str, CocoPicture]:
        return {picture.name: picture for picture in self.annotations.pictures}

    def layout(self, name: str, size: int) -> tuple[Layout, list[str]]:
        return layout_of(self._pictures[name], self.categories, self.format, size)

    def asked_for(self, layout: Layout) -> Layout:
        return asked_for(layout, self.format, self.locations)

    def about(self) -> dict[str, Any]:
        return {"locations": self.locations, **self.fingerprints}

    def next_steps(self, folder: Path) -> str:
        return (
            "Next, a detector, for example:\n"
            f"  yolo val segment model=yolov8m-seg.pt data={folder / 'coco' / 'coco.yaml'} save_json=True\n"
            f"  python -m instdiff_modules.evaluation score {folder} --predictions PREDICTIONS.json\n"
        )


def canvas_size(layout: Layout) -> tuple[int, int]:
    """(width, height) in pixels of a layout that an evaluation made."""
    assert layout.width is not None and layout.height is not None  # as layout_of makes them all
    return layout.width, layout.height


def pixel_box(instance: Instance, layout: Layout) -> tuple[float, float, float, float]:
    """x, y, width, height in pixels of the canvas of an instance that an evaluation made."""
    assert instance.box is not None  # as layout_of makes them all
    (x0, y0, x1, y1), (width, height) = instance.box, canvas_size(layout)
    return x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height


def layout_of(picture: CocoPicture, categories: Mapping[int, str], format: str, size: int) -> tuple[Layout, list[str]]:
    """The layout of a picture on a square canvas of `size` pixels, with all its annotations, and what of them is lost.

    Instances from the 31st on are hidden: not requested, but part of the truth that the detector is measured with, as for the
    authors. Boxes outside the picture and odd ones are left out, masks that cannot be read or have no pixel leave the box alone.
    """
    instances: list[Instance] = []
    names: list[str] = []
    lost: list[str] = []
    for annotation in picture.annotations:
        where = f"{picture.name}, annotation {annotation['id']}"
        try:
            x, y, w, h = bbox = fields.numbers(
                annotation.get("bbox"), 4, where, "bbox", "[x, y, width, height] in pixels"
            )
        except ValueError as error:
            lost.append(f"{error} Left out.")
            continue
        box = cut_box(x, y, w, h, *picture.size)
        if box is None:
            lost.append(f"{where}: its box {list(bbox)} holds nothing of the picture; left out.")
            continue
        if len(instances) == MAX_INSTANCES:
            lost.append(f"{where}: it is one of more than {MAX_INSTANCES}; left out.")
            continue
        name = categories[annotation["category_id"]]
        words = WORDS.get(format)
        names.append(f"{words[annotation['id'] % len(words)]} {name}" if words else name)
        mask, problem = _mask(annotation, picture.size, size, where)
        lost += [problem] if problem else []
        instances.append(
            Instance(
                str(annotation["id"]),
                names[-1],
                box,
                box_center(box),
                _scribble(mask, annotation["id"]),
                mask,
                visible=len(instances) < ASKED_FOR,
                extra={"category_name": name} | ({"iscrowd": 1} if annotation.get("iscrowd") else {}),
            )
        )
    return Layout(tuple(instances), size, size, picture.caption + ", ".join(names)), lost


def asked_for(layout: Layout, format: str, locations: str) -> Layout:
    """The layout that is sent to the model: without hidden instances, and for "given" with the format's own location alone.

    locations: "authors" keeps all, since their configuration of the model drops what does not count; "given" is what a person
    would give who has boxes (masks, points, scribbles) and nothing else. An instance without that location keeps its box.
    """
    shown = [instance for instance in layout.instances if instance.visible]
    if locations == "given":
        shown = [_alone(instance, LOCATION[format]) for instance in shown]
    return replace(layout, instances=tuple(shown))


def _alone(instance: Instance, location: str) -> Instance:
    kept = location if getattr(instance, location) is not None else "box"
    return replace(instance, **{name: None for name in ("box", "point", "scribble", "mask") if name != kept})


def _mask(annotation: Mapping[str, Any], original: tuple[int, int], size: int, where: str) -> tuple[Mask | None, str]:
    """The mask at size x size pixels, or None and why."""
    if not annotation.get("segmentation"):
        return None, f"{where}: no segmentation; its box remains."
    try:
        mask = decode_at_size(read_segmentation(annotation["segmentation"], *original, where), size, size)
    except ValueError as error:
        return None, f"{error} Its box remains."
    return (
        (encode_mask(mask), "")
        if mask.any()
        else (None, f"{where}: its mask has no pixel at {size}x{size}; its box remains.")
    )


def _scribble(mask: Mask | None, seed: int) -> tuple[tuple[float, float], ...] | None:
    if mask is None:
        return None
    points = mask_scribble_points(decode_mask(mask), np.random.RandomState(seed % 2**32))
    return tuple((float(x) / mask.width, float(y) / mask.height) for x, y in points)
