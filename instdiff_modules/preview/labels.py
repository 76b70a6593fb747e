"""Name plates of a preview: number and prompt of each instance, kept off each other and off points if there is room. A plate that is not
at its instance has a line to it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from ..geometry.masks import extent
from ..geometry.points import box_center
from ..layout.instance import Instance
from .leaders import draw_leader, leader
from .palette import Color, ink_on

MIN_FONT, MAX_FONT = 11, 30  # pixels
LONG = 0.7  # of the picture's width
SHARE = 1 / 32  # of the picture's shorter side
CROWD = 10  # from here on labels are smaller and have one line
CROWDED = 0.8  # of their size
MAX_PLACED = 60  # beyond, labels go to their first place: looking for room would take too long
PLATE: Color = (18, 20, 26)
TEXT: Color = (245, 246, 250)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rect = tuple[float, float, float, float]


class Label(NamedTuple):
    place: Rect
    badge: str  # the number, on the instance's colour
    lines: list[str]
    color: Color
    visible: bool
    line: tuple[tuple[float, float], tuple[float, float]] | None = None  # to the instance, where the label is not at it


class Style(NamedTuple):
    font: Font
    size: int
    pad: int
    max_lines: int


def draw_labels(
    picture: Image.Image,
    instances: Sequence[Instance],
    colors: Sequence[Color],
    avoid: Sequence[Rect] = (),
    share: float = SHARE,
) -> None:
    """Write the labels on the picture. The front instances choose their places first and lie on top.

    avoid: (left, top, right, bottom) in pixels of what must stay visible; a label that finds no room beside it and other labels is tried in one
    long line, and then is its number alone.
    share: height of the letters, of the picture's shorter side; smaller where there are many instances.
    """
    style = _style(picture.size, len(instances), share)
    taken = [_around(xy, picture.size, style.size * 0.5) for i in instances[:MAX_PLACED] for xy in _dots(i)]
    taken.extend(avoid)
    labels, numbers = [], {instance.id: number for number, instance in enumerate(instances, 1)}
    for index in reversed(range(len(instances))):
        words = label_text(instances[index], numbers.get(instances[index].parent))
        for text, least in ((words, 0.0), (words, LONG), ("", 0.0)):
            label = _label(instances[index], text, index + 1, colors[index], picture.size, style, taken, least)
            if not avoid or not any(_overlap(label.place, rect) for rect in taken):
                break
        if len(instances) <= MAX_PLACED:
            taken.append(label.place)
            label = label._replace(line=leader(instances[index], label.place, picture.size, style.size * 0.5))
        labels.append(label)
    for label in reversed(labels):
        if label.line is not None:
            draw_leader(picture, label.line, label.color, label.visible, max(1, round(style.size / 9)))
    draw = ImageDraw.Draw(picture, "RGBA")
    for label in reversed(labels):
        _draw(draw, label, style)


def label_text(instance: Instance, parent: int | None = None) -> str:
    """ "a red fox", and what is not as usual: the number of its parent, hidden, its strength, its share of the denoising, its opacity."""
    words = [] if parent is None else [f"part of {parent}:"]
    words.append(" ".join(instance.prompt[:400].split()) or "(no prompt)")
    if not instance.visible:
        words.append("(hidden)")
    if instance.strength != 1:
        words.append(f"x{instance.strength:g}")
    if (instance.start, instance.end) != (0, 1):
        words.append(f"{instance.start * 100:.0f}-{instance.end * 100:.0f}%")
    if instance.opacity != 1:
        words.append(f"opacity {instance.opacity:.2g}")
    return " ".join(words)


def wrap(text: str, font: Font, room: float, max_lines: int) -> list[str]:
    """Break text into at most max_lines lines of `room` pixels; what does not fit ends in three dots."""
    lines, words = [], text.split(" ")
    while words and len(lines) < max_lines:
        line, last = words.pop(0), len(lines) == max_lines - 1
        while words and font.getlength(f"{line} {words[0]}") <= room:
            line = f"{line} {words.pop(0)}"
        if font.getlength(line) > room or (words and last):
            line = f"{line} {words[0]}" if words and last else line
            while len(line) > 1 and font.getlength(line + "...") > room:
                line = line[:-1]
            line = line.rstrip() + "..."
        lines.append(line)
    return lines


def _style(picture_size: tuple[int, int], count: int, share: float) -> Style:
    size = min(picture_size) * share * (1 if count < CROWD else CROWDED)
    size = min(MAX_FONT, max(MIN_FONT, round(size)))
    return Style(ImageFont.load_default(size), size, max(2, round(size * 0.3)), 2 if count < CROWD else 1)


def _label(
    instance: Instance,
    text: str,
    number: int,
    color: Color,
    size: tuple[int, int],
    style: Style,
    taken: Sequence[Rect],
    least: float,
) -> Label:
    """least: share of the picture's width that a line may have at least, however narrow the instance is."""
    x0, y0, x1, y1 = extent(instance)
    shape = (x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1])
    badge = _badge_width(str(number), style)
    room = max(shape[2] - shape[0], size[0] * max(0.3 if style.max_lines > 1 else 0.2, least)) - 2 * style.pad - badge
    lines = wrap(text, style.font, max(room, style.size * 3), style.max_lines) if text else []
    width = badge + max((style.font.getlength(line) + 2 * style.pad for line in lines), default=0)
    height = max(len(lines), 1) * _line_height(style) + style.pad
    return Label(_free_place(shape, width, height, size, taken), str(number), lines, color, instance.visible)


def _draw(draw: ImageDraw.ImageDraw, label: Label, style: Style) -> None:
    x0, y0, _, y1 = label.place
    strong = label.visible
    draw.rounded_rectangle(label.place, radius=style.pad, fill=(*PLATE, 215 if strong else 120))
    badge = _badge_width(label.badge, style)
    draw.rounded_rectangle(
        (x0, y0, x0 + badge, y1),
        radius=style.pad,
        fill=(*label.color, 255 if strong else 110),
        corners=(True, False, False, True),
    )
    ink = ink_on(label.color) if strong else TEXT
    draw.text(
        (x0 + badge / 2, (y0 + y1) / 2), label.badge, font=style.font, fill=(*ink, 255 if strong else 170), anchor="mm"
    )
    for i, line in enumerate(label.lines):
        y = y0 + style.pad / 2 + (i + 0.5) * _line_height(style)
        draw.text((x0 + badge + style.pad, y), line, font=style.font, fill=(*TEXT, 255 if strong else 150), anchor="lm")


def _line_height(style: Style) -> float:
    return style.size * 1.2


def _badge_width(number: str, style: Style) -> float:
    return max(style.font.getlength(number) + 2 * style.pad, style.size * 1.3)


def _dots(instance: Instance) -> Iterator[tuple[float, float]]:
    """What a label should not hide."""
    if instance.point is not None:
        yield instance.point
    if instance.scribble is not None:
        yield from instance.scribble[:: max(1, len(instance.scribble) // 8)]
    if instance.mask is not None and instance.box is not None:
        yield box_center(instance.box)


def _around(xy: tuple[float, float], size: tuple[int, int], radius: float) -> Rect:
    x, y = xy[0] * size[0], xy[1] * size[1]
    return x - radius, y - radius, x + radius, y + radius


def _free_place(shape: Rect, width: float, height: float, size: tuple[int, int], taken: Sequence[Rect]) -> Rect:
    """The candidate that covers least of what is taken."""
    best, least = shape, float("inf")
    for left, top in _candidates(shape, width, height):
        x = min(max(left, 2), max(size[0] - width - 2, 2))
        y = min(max(top, 2), max(size[1] - height - 2, 2))
        place = (x, y, x + width, y + height)
        covered = sum(_overlap(place, other) for other in taken)
        if covered < least:
            best, least = place, covered
        if least == 0:
            break
    return best


def _candidates(shape: Rect, width: float, height: float) -> Iterator[tuple[float, float]]:
    """Top-left corners to try: the shape's own corners if the label fits in, places around it, then farther and farther away."""
    x0, y0, x1, y1 = shape
    gap = height * 0.35
    corners = [(x0, y0), (x1 - width, y0), (x0, y1 - height), (x1 - width, y1 - height)]
    fits = x1 - x0 >= width and y1 - y0 >= height * 1.5
    outside = list(_around_at(shape, width, height, gap))
    yield from corners + outside if fits else outside + corners
    for i in range(1, min(int((y1 - y0) / height), 12)):
        yield x0, y0 + i * height
        yield x1 - width, y0 + i * height
    for i in range(1, 6):
        yield from _around_at(shape, width, height, gap + i * (height + gap))


def _around_at(shape: Rect, width: float, height: float, gap: float) -> Iterator[tuple[float, float]]:
    """Places outside of a shape, at a distance: above, below, beside it, each from its beginning on."""
    x0, y0, x1, y1 = shape
    across = [x0, x1 - width, (x0 + x1 - width) / 2]
    down = [y0, y1 - height, (y0 + y1 - height) / 2]
    for x in across:
        yield x, y0 - height - gap
        yield x, y1 + gap
    for y in down:
        yield x1 + gap, y
        yield x0 - width - gap, y


def _overlap(a: Rect, b: Rect) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
