"""Lines from name plates to what they name, where they found no room at it."""

from PIL import Image, ImageDraw

from ..geometry.masks import decode_at_size, shrink_mask
from ..geometry.points import drawable
from ..layout.instance import Instance
from .palette import Color

Rect = tuple[float, float, float, float]
Point = tuple[float, float]
ROUGH = 96  # pixels of the longer side of a mask whose nearest point is looked for
DARK: Color = (12, 14, 18)


def leader(instance: Instance, place: Rect, size: tuple[int, int], near: float) -> tuple[Point, Point] | None:
    """The line from a plate (left, top, right, bottom) to the nearest point of its instance, in pixels of a picture of `size`
    (width, height). None if it is at most `near` pixels long: the plate is at its instance. It ends beside a point, not on it."""
    ends = [(_into(place, point), point) for point in _points(instance, place, size)]
    if not ends:
        return None
    start, end = min(ends, key=lambda line: _length(*line))
    length = _length(start, end)
    clear = 0.0 if instance.mask is not None or instance.box is not None else 2 * near  # points are drawn as discs
    if length - clear <= near:
        return None
    part = (length - clear) / length
    return start, (start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1]))


def draw_leader(picture: Image.Image, line: tuple[Point, Point], color: Color, visible: bool, width: int) -> None:
    """The line over a dark rim, with a dot where it ends."""
    draw = ImageDraw.Draw(picture, "RGBA")
    flat = [value for point in line for value in point]
    strong = 255 if visible else 120
    draw.line(flat, fill=(*DARK, strong * 3 // 4), width=width + 2)
    x, y = line[1]
    radius = 1.5 * width
    draw.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), fill=(*DARK, strong * 3 // 4))
    draw.line(flat, fill=(*color, strong), width=width)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*color, strong))


def _points(instance: Instance, place: Rect, size: tuple[int, int]) -> list[Point]:
    """Points of an instance among which the nearest is; of a mask those of a small copy."""
    width, height = size
    found: list[Point] = []
    if instance.mask is not None:
        mask = instance.mask
        scale = min(1.0, ROUGH / max(mask.height, mask.width))
        rows, columns = max(1, round(mask.height * scale)), max(1, round(mask.width * scale))
        small = decode_at_size(mask, rows, columns) if scale == 1 else shrink_mask(mask, rows, columns)
        found += [
            (float(x + 0.5) * width / columns, float(y + 0.5) * height / rows)
            for y, x in zip(*small.nonzero(), strict=True)
        ]
    elif instance.box is not None:
        x0, y0, x1, y1 = instance.box
        found.append(_into((x0 * width, y0 * height, x1 * width, y1 * height), _middle(place)))
        found += [_into((x0 * width, y0 * height, x1 * width, y1 * height), corner) for corner in _corners(place)]
    if instance.point is not None:
        found.append((instance.point[0] * width, instance.point[1] * height))
    found += [(x * width, y * height) for x, y in drawable(instance.scribble or ())]
    return found


def _into(rect: Rect, point: Point) -> Point:
    """The point of a rectangle that is nearest to a point."""
    return min(max(point[0], rect[0]), rect[2]), min(max(point[1], rect[1]), rect[3])


def _middle(rect: Rect) -> Point:
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def _corners(rect: Rect) -> list[Point]:
    return [(rect[i], rect[j]) for i in (0, 2) for j in (1, 3)]


def _length(one: Point, two: Point) -> float:
    return ((one[0] - two[0]) ** 2 + (one[1] - two[1]) ** 2) ** 0.5
