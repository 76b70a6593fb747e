"""A picture of a layout: masks, boxes, strokes, points, prompts and what is a part of what, back to front, over a plain canvas or an image."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from ..geometry.masks import decode_mask, shrink_mask
from ..geometry.points import box_center, drawable, is_point_set
from ..geometry.transform import whole_extent
from ..layout.instance import Box, Instance, Layout, Mask, Point
from .labels import draw_labels
from .palette import Color, instance_color

CANVAS: Color = (27, 30, 37)
GRID: Color = (40, 44, 54)
GRID_CELLS = 8  # along the shorter side
HALO = (0, 0, 0, 110)  # a dark rim that keeps lines visible on a bright image
LEVELS = range(256)  # of a grey picture: a new value for each makes a table for Image.point
DIM = 0.35  # of the strength of all lines and fills, for hidden instances
HIDES = 0.8  # of what lies behind an opaque instance; the rest stays so that nothing is lost from sight
BOX_FILL, MASK_FILL = 0.22, 0.38
MAX_DRAWN_SIDE = 4096  # up to half of it the picture is drawn twice as large and shrunk, which smooths its edges
MAX_UNPACKED = 2**22  # pixels of a mask; a larger one is shrunk without looking at each
MAX_PAINTED = 2**28  # pixels that all masks together may fill; beyond, the picture is drawn smaller and enlarged


def draw_layout(layout: Layout, width: int, height: int, background: Image.Image | None = None) -> Image.Image:
    """The layout as an RGB picture of width x height pixels. Labels lie on top.

    Boxes and masks hide what is behind them, as far as they are opaque, and show the background alone, tinted. A background of
    another shape is fitted in, never stretched.
    """
    scale = _scale(layout, width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = _canvas(size)
    if background is not None:
        picture = ImageOps.pad(background.convert("RGB"), size, Image.Resampling.LANCZOS, CANVAS)
    stroke = max(2, round(min(size) / 240))
    colors = [instance_color(instance, i) for i, instance in enumerate(layout.instances)]
    ground = picture.copy()
    for instance, color in zip(layout.instances, colors, strict=True):
        _draw_instance(picture, ground, instance, color, stroke)
    _draw_ties(picture, layout, colors, stroke)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS) if picture.size != (width, height) else picture
    draw_labels(picture, layout.instances, colors)
    return picture


def _scale(layout: Layout, width: int, height: int) -> float:
    """How much larger than the picture to draw: twice, or what its size and its masks leave time for."""
    masks = sum(instance.mask is not None for instance in layout.instances)
    scale = 2.0
    while scale * max(width, height) > MAX_DRAWN_SIDE or scale**2 * width * height * masks > MAX_PAINTED:
        scale /= 2
    return scale


def _canvas(size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, CANVAS)
    draw = ImageDraw.Draw(picture)
    cell = min(size) / GRID_CELLS
    for i in range(1, int(max(size) / cell) + 1):
        draw.line((i * cell, 0, i * cell, size[1]), fill=GRID, width=2)
        draw.line((0, i * cell, size[0], i * cell), fill=GRID, width=2)
    return picture


def _draw_instance(picture: Image.Image, ground: Image.Image, instance: Instance, color: Color, stroke: int) -> None:
    opacity = 1.0 if instance.visible else DIM
    hides = instance.opacity if instance.visible else 0.0
    filled = instance.opacity * opacity
    draw = ImageDraw.Draw(picture, "RGBA")  # colours with alpha blend into the picture
    if instance.mask is not None:
        _draw_mask(picture, ground, instance.mask, color, opacity, hides, MASK_FILL * filled, stroke)
    if instance.box is not None:
        # Beside a mask the box is only a frame.
        fill, width = (0.0, max(1, stroke // 2)) if instance.mask is not None else (BOX_FILL * filled, stroke)
        if fill and hides:
            _cover_box(picture, ground, instance.box, hides)
        _draw_box(draw, instance.box, instance.visible, picture.size, color, opacity, fill, width)
    if instance.scribble is not None:
        _draw_scribble(
            draw,
            _pixels(drawable(instance.scribble), picture.size),
            is_point_set(instance.scribble),
            color,
            opacity,
            stroke,
        )
    if instance.point is not None:
        x, y = _pixels([instance.point], picture.size)[0]
        _disc(draw, x, y, stroke * 4.2, _alpha((0, 0, 0), 0.45 * opacity))
        _disc(draw, x, y, stroke * 3.7, _alpha((255, 255, 255), opacity))
        _disc(draw, x, y, stroke * 2.7, _alpha(color, opacity))


def _draw_ties(picture: Image.Image, layout: Layout, colors: Sequence[Color], stroke: int) -> None:
    """From each part a line in its parent's colour, to the middle of the parent."""
    places = {
        instance.id: (index, box_center(whole_extent(instance))) for index, instance in enumerate(layout.instances)
    }
    draw = ImageDraw.Draw(picture, "RGBA")
    for instance in layout.instances:
        if instance.parent not in places:
            continue
        parent, center = places[instance.parent]
        ends = _pixels([places[instance.id][1], center], picture.size)
        opacity = 1.0 if instance.visible and layout.instances[parent].visible else DIM
        draw.line([xy for end in ends for xy in end], fill=_alpha((0, 0, 0), 0.6 * opacity), width=3 * stroke)
        draw.line([xy for end in ends for xy in end], fill=_alpha(colors[parent], opacity), width=stroke)
        _disc(draw, *ends[0], stroke * 1.6, _alpha(colors[parent], opacity))


def _draw_mask(
    picture: Image.Image,
    ground: Image.Image,
    mask: Mask,
    color: Color,
    opacity: float,
    hides: float,
    fill: float,
    stroke: int,
) -> None:
    area = smooth_mask(mask, picture.size)
    # The mask's own width of stroke inside its edge, and a dark rim outside; the picture's border counts as an edge.
    pad = 3 * stroke
    left, top, right, bottom = area.getbbox() or (0, 0, 1, 1)
    reach = 2 * pad  # farther than the rim
    place = max(left - reach, 0), max(top - reach, 0), min(right + reach, area.width), min(bottom + reach, area.height)
    area = area.crop(place)
    around = (
        ImageOps.expand(area, pad)
        .filter(ImageFilter.GaussianBlur(stroke))
        .crop((pad, pad, pad + area.width, pad + area.height))
    )
    inner = around.point([255 if v > 243 else 0 for v in LEVELS])
    rim = around.point([HALO[3] if v > 50 else 0 for v in LEVELS])
    outline = ImageChops.subtract(area, inner)
    picture.paste(ground.crop(place), place, area.point([round(v * HIDES * hides) for v in LEVELS]))
    if opacity == 1:
        picture.paste(HALO[:3], place, ImageChops.subtract(rim, area))
    picture.paste(color, place, area.point([round(v * fill) for v in LEVELS]))
    picture.paste(color, place, outline.point([round(v * opacity) for v in LEVELS]))


def smooth_mask(mask: Mask, size: tuple[int, int]) -> Image.Image:
    """The mask at another size (width, height) as a picture of 0 and 255, its pixels rounded off; none is lost."""
    if mask.height * mask.width > MAX_UNPACKED and mask.width >= 2 * size[0] and mask.height >= 2 * size[1]:
        return Image.fromarray(shrink_mask(mask, size[1], size[0]).astype(np.uint8) * 255)
    area = Image.fromarray(decode_mask(mask).view(np.uint8) * np.uint8(255))
    zoom = max(size[0] / mask.width, size[1] / mask.height)
    if zoom > 1:
        grown = area.resize(size, Image.Resampling.NEAREST)
        return grown.filter(ImageFilter.GaussianBlur(0.45 * zoom)).point([255 if v >= 110 else 0 for v in LEVELS])
    shrunk = area.resize(size, Image.Resampling.BOX)
    least = max(1, min(64, int(np.asarray(shrunk).max())))
    return shrunk.point([255 if v >= least else 0 for v in LEVELS])


def _cover_box(picture: Image.Image, ground: Image.Image, box: Box, hides: float) -> None:
    """The ground instead of what lies behind the box, as far as it hides that."""
    (x0, y0), (x1, y1) = _pixels([box[:2], box[2:]], picture.size)
    place = (round(x0), round(y0), max(round(x1), round(x0) + 1), max(round(y1), round(y0) + 1))
    part = ground.crop(place)
    picture.paste(part, place, Image.new("L", part.size, round(255 * HIDES * hides)))


def _draw_box(
    draw: ImageDraw.ImageDraw,
    box: Box,
    visible: bool,
    size: tuple[int, int],
    color: Color,
    opacity: float,
    fill: float,
    stroke: int,
) -> None:
    (x0, y0), (x1, y1) = _pixels([box[:2], box[2:]], size)
    x1, y1 = max(x1 - 1, x0), max(y1 - 1, y0)
    rim = max(1, stroke // 2)
    draw.rectangle((x0, y0, x1, y1), fill=_alpha(color, fill))
    if not visible:
        _dashed_box(draw, (x0, y0, x1, y1), _alpha(color, 2 * opacity), stroke)
        return
    draw.rectangle((x0 - rim, y0 - rim, x1 + rim, y1 + rim), outline=HALO, width=rim)
    draw.rectangle((x0, y0, x1, y1), outline=_alpha(color, opacity), width=stroke)


def _dashed_box(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], color: tuple[int, ...], stroke: int
) -> None:
    x0, y0, x1, y1 = box
    dash = stroke * 4
    for x in np.arange(x0, x1, 2 * dash):
        for y in (y0, y1 - stroke + 1):
            draw.rectangle((x, y, min(x + dash, x1), y + stroke - 1), fill=color)
    for y in np.arange(y0, y1, 2 * dash):
        for x in (x0, x1 - stroke + 1):
            draw.rectangle((x, y, x + stroke - 1, min(y + dash, y1)), fill=color)


def _draw_scribble(
    draw: ImageDraw.ImageDraw, points: Sequence[Point], separate: bool, color: Color, opacity: float, stroke: int
) -> None:
    line = stroke * 2
    if separate or len(points) == 1:
        for x, y in dict.fromkeys(points):
            _disc(draw, x, y, line * 1.7, _alpha((0, 0, 0), opacity))
            _disc(draw, x, y, line * 1.3, _alpha(color, opacity))
        return
    # Opaque strokes: where translucent ones cross themselves, the crossing would show.
    if opacity == 1:
        draw.line(points, fill=(0, 0, 0), width=line + stroke, joint="curve")
        for x, y in (points[0], points[-1]):
            _disc(draw, x, y, (line + stroke) / 2, (0, 0, 0, 255))
    draw.line(points, fill=_alpha(color, opacity), width=line, joint="curve")
    for x, y in (points[0], points[-1]):
        _disc(draw, x, y, line / 2, _alpha(color, opacity))
    _disc(draw, *points[0], line * 0.9, _alpha((255, 255, 255), opacity))  # where the stroke begins
    _disc(draw, *points[0], line * 0.6, _alpha(color, opacity))


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: tuple[int, ...]) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _pixels(points: Sequence[Point], size: tuple[int, int]) -> list[Point]:
    return [(x * size[0], y * size[1]) for x, y in points]


def _alpha(color: Color, opacity: float) -> tuple[int, int, int, int]:
    return (*color, min(255, round(255 * opacity)))
