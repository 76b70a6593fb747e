"""A picture of the result: where each instance was wanted, green if it is there, red if not."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ..geometry.growing import thinned
from ..geometry.masks import decode_at_size, extent
from ..geometry.points import drawable, is_point_set
from ..layout.instance import Instance, Layout
from ..preview.labels import draw_labels
from ..preview.palette import Color
from .record import Record

PASS: Color = (46, 204, 113)
FAIL: Color = (240, 62, 62)
DARK: Color = (16, 18, 22)
LIGHT: Color = (255, 255, 255)
LETTERS = 1 / 26  # of the picture's shorter side: ComfyUI shows it on a node, hardly wider than 200 pixels


def draw_marks(picture: np.ndarray, layout: Layout, record: Record) -> np.ndarray:
    """picture (H, W, 3) uint8, the scored one or enlarged -> the same with outlines of the wanted places, marks and prompts. Nothing is tinted: the
    colours of the picture stay as they are, and the labels stand beside the instances. Thin white boxes are the detections that
    belong to an instance."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    stroke = max(2, round(min(width, height) / 170))
    shown = [layout.instances[row.number - 1] for row in record.rows]
    colors = [PASS if row.passed else FAIL for row in record.rows]
    draw = ImageDraw.Draw(image)
    scale = width / record.width
    for j in record.matches:
        box = None if j is None else record.found[j].box
        if box is not None:
            x, y, w, h = (v * scale for v in box)
            draw.rectangle((x, y, max(x + w - 1, x), max(y + h - 1, y)), outline=LIGHT, width=1)
    for instance, color in zip(shown, colors, strict=True):
        _outline(image, instance, color, stroke)
    marked: list[tuple[float, float]] = []
    for instance, row in zip(shown, record.rows, strict=True):
        marked.append(_mark(draw, instance, row.passed, (width, height), marked))
    places = [extent(instance) for instance in shown]
    avoid = [(x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in places]
    draw_labels(image, shown, colors, avoid, LETTERS)
    return np.asarray(image)


def _outline_mask(image: Image.Image, mask: np.ndarray, color: Color, stroke: int) -> None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return
    # with a pixel around it, so that only the picture's own edges are none of the mask
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    part = mask[top : rows[-1] + 2, left : columns[-1] + 2]
    for size, paint in ((stroke + 1, DARK), (stroke, color)):
        image.paste(paint, (int(left), int(top)), Image.fromarray(part & ~thinned(part, size)))


def _outline(image: Image.Image, instance: Instance, color: Color, stroke: int) -> None:
    draw, (width, height) = ImageDraw.Draw(image), image.size
    if instance.mask is not None:
        _outline_mask(image, decode_at_size(instance.mask, height, width), color, stroke)
    elif instance.box is not None:
        x0, y0, x1, y1 = (v * side for v, side in zip(instance.box, (width, height) * 2, strict=True))
        x1, y1 = max(x1 - 1, x0), max(y1 - 1, y0)
        draw.rectangle((x0, y0, x1, y1), outline=DARK, width=stroke + 1)
        draw.rectangle((x0, y0, x1, y1), outline=color, width=stroke)
    points = [(x * width, y * height) for x, y in drawable(instance.scribble or ())]
    if instance.scribble is not None and len(points) > 1 and not is_point_set(instance.scribble):
        draw.line(points, fill=DARK, width=stroke + 2, joint="curve")
        draw.line(points, fill=color, width=stroke, joint="curve")
        points = []
    if instance.point is not None:
        points.append((instance.point[0] * width, instance.point[1] * height))
    for x, y in points:
        draw.ellipse((x - 2 * stroke, y - 2 * stroke, x + 2 * stroke, y + 2 * stroke), fill=color, outline=DARK)


def _mark(
    draw: ImageDraw.ImageDraw,
    instance: Instance,
    passed: bool,
    size: tuple[int, int],
    marked: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """A green disc with a tick or a red one with a cross, at the lower right of the place: readable without the colours too. At another corner
    where that one has a mark already. Returns its middle."""
    width, height = size
    radius = max(7.0, min(size) / 36)
    x0, y0, x1, y1 = extent(instance)
    inset = 1.4 * radius
    places = [
        (min(max(x, radius), width - radius), min(max(y, radius), height - radius))
        for y in (y1 * height - inset, y0 * height + inset)
        for x in (x1 * width - inset, x0 * width + inset)
    ]

    def room(place: tuple[float, float]) -> float:
        return min((max(abs(place[0] - x), abs(place[1] - y)) for x, y in marked), default=width)

    x, y = next((place for place in places if room(place) > 2 * radius), max(places, key=room))
    draw.ellipse(
        (x - radius, y - radius, x + radius, y + radius),
        fill=PASS if passed else FAIL,
        outline=LIGHT,
        width=max(1, round(radius / 6)),
    )
    lines: Sequence[Sequence[tuple[float, float]]] = [[(-0.45, 0.05), (-0.1, 0.4), (0.45, -0.35)]]
    if not passed:
        lines = [[(-0.38, -0.38), (0.38, 0.38)], [(-0.38, 0.38), (0.38, -0.38)]]
    for line in lines:
        draw.line(
            [(x + a * radius, y + b * radius) for a, b in line],
            fill=LIGHT,
            width=max(2, round(radius / 3.5)),
            joint="curve",
        )
    return x, y
