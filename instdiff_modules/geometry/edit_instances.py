"""One change to the instances of a layout: add, replace, move, resize or remove. Nothing given is changed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.edit import canvas_of, describe, place
from ..layout.instance import Box, Frames, Instance, Layout
from .change import UNCUT, map_instance, whole_extent

ADD, REPLACE, MOVE, MOVE_TO, RESIZE, RESIZE_TO, REMOVE = OPERATIONS = ("add", "replace", "move by", "move to", "resize by", "resize to", "remove")
FRACTIONS, PIXELS = UNITS = ("fractions 0..1", "pixels")
STOP, CUT = AT_BORDER = ("stop", "cut")
ANCHORS = {"center": (0.5, 0.5), "bottom": (0.5, 1.0), "top": (0.5, 0.0), "left": (0.0, 0.5), "right": (1.0, 0.5), "top left": (0.0, 0.0)}
MAX_VALUE = fields.MAX_SIDE  # of x, y, width and height, in pixels
MAX_FACTOR = 100.0
WHERE = "Edit Instances"


class Edit(NamedTuple):
    """What shall be done. `which`: ids or numbers (from 1), separated by commas; for "add" the id of the new instance, or empty.

    x, y, width, height in `units`: of "add" and "move to" the left top corner, of "add" and "resize to" the size, of "move by" x and y
    are the shift. Of "resize by" width and height are factors whatever the units. Where one of width and height is 0, "resize by" and
    "resize to" keep the proportions.
    """

    operation: str
    which: str = ""
    prompt: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    units: str = FRACTIONS
    anchor: str = "center"
    at_border: str = STOP


def edit_instances(frames: Frames, edit: Edit) -> Frames:
    """The layouts after one edit, which reaches every frame that has the instance. ValueError if none has, or if the values do not fit."""
    values = {name: fields.number(getattr(edit, name), WHERE, name) for name in ("x", "y", "width", "height")}
    for name, value in values.items():
        low = 0 if name in ("width", "height") else -MAX_VALUE
        fields.number_in(value, low, MAX_VALUE, WHERE, name)
    which = fields.text("" if edit.which is None else edit.which, WHERE, "which").strip()
    prompt = fields.text("" if edit.prompt is None else edit.prompt, WHERE, "prompt").strip()
    edit = edit._replace(which=which, prompt=prompt, **values)
    if edit.operation == ADD:
        return _add(frames, edit)
    if not which:
        raise ValueError(f'Nothing is named. Write the id or the number of the instance to {edit.operation}, for example "1". {describe(frames)}')
    if edit.operation == REPLACE and not prompt:
        raise ValueError("The prompt is empty. Write what shall be there instead.")
    one = any(instance.id == which for layout in frames for instance in layout.instances)  # an id may hold a comma
    words = [which] if one else list(dict.fromkeys(word.strip() for word in which.split(",") if word.strip())) or [which]
    rows = [_indices(layout, words) for layout in frames]
    for word in words:
        if not any(word in row for row in rows):
            raise ValueError(f"There is no instance {fields.shorten(word)} to {edit.operation}. {describe(frames)}")
    change = _CHANGES[edit.operation]
    return tuple(_changed(layout, set(row.values()), edit, change) for layout, row in zip(frames, rows))


def _add(frames: Frames, edit: Edit) -> Frames:
    if edit.width <= 0 or edit.height <= 0:
        raise ValueError("The new instance has no size. Set width and height above 0; x and y are its left top corner.")
    boxes = []
    for layout in frames:
        x, y = _sides(layout, edit)
        box = (edit.x / x, edit.y / y, (edit.x + edit.width) / x, (edit.y + edit.height) / y)
        boxes.append({"box": fields.box(_held_box(box) if edit.at_border == STOP else box, "The new instance")})
    added = place(frames, boxes, edit.prompt)
    if not edit.which:
        return added
    if any(instance.id == edit.which for layout in frames for instance in layout.instances):
        raise ValueError(
            f"There is an instance {fields.shorten(edit.which)} already. Choose another id, leave it empty, or replace that one. {describe(frames)}"
        )
    return tuple(replace(layout, instances=(*layout.instances[:-1], replace(layout.instances[-1], id=edit.which))) for layout in added)


def _indices(layout: Layout, words: Sequence[str]) -> dict[str, int]:
    """Word -> index of the instance with that id, else of that number; words that name none are absent."""
    ids = {instance.id: i for i, instance in enumerate(layout.instances)}
    found = {}
    for word in words:
        if word in ids:
            found[word] = ids[word]
        elif re.fullmatch(r"[0-9]{1,6}", word) and 1 <= int(word) <= len(layout.instances):
            found[word] = int(word) - 1
    return found


def _changed(layout: Layout, chosen: set[int], edit: Edit, change: Callable[[Instance, Layout, Edit, str], Instance | None]) -> Layout:
    new = []
    for i, instance in enumerate(layout.instances):
        made = change(instance, layout, edit, f"Instance {i + 1} ({instance.id[:40]})") if i in chosen else instance
        if made is not None:
            new.append(made)
    return replace(layout, instances=tuple(new[:MAX_INSTANCES]))


def _replaced(instance: Instance, layout: Layout, edit: Edit, where: str) -> Instance:
    new = replace(instance, prompt=edit.prompt)
    if edit.width > 0 and edit.height > 0:
        x, y = _sides(layout, edit)
        box = fields.box((edit.x / x, edit.y / y, (edit.x + edit.width) / x, (edit.y + edit.height) / y), where)
        extra = {key: value for key, value in new.extra.items() if key != UNCUT}
        return replace(new, box=box, mask=None, scribble=None, point=None, extra=extra)
    return new


def _moved(instance: Instance, layout: Layout, edit: Edit, where: str) -> Instance:
    sides, old = _sides(layout, edit), whole_extent(instance)
    shift = (edit.x / sides[0], edit.y / sides[1])
    if edit.operation == MOVE_TO:
        shift = (shift[0] - old[0], shift[1] - old[1])
    if edit.at_border == STOP:
        shift = tuple(min(max(s, -low), 1 - high) for s, low, high in zip(shift, old[:2], old[2:]))
    return _mapped(instance, (1.0, 1.0), shift, where)


def _resized(instance: Instance, layout: Layout, edit: Edit, where: str) -> Instance:
    x0, y0, x1, y1 = whole_extent(instance)
    if x1 - x0 <= 0 and y1 - y0 <= 0:
        raise ValueError(f"{where} is a single point and has no size. Move it, or replace it with a width and a height.")
    if edit.width <= 0 and edit.height <= 0:
        raise ValueError(f"There is no size to {edit.operation}. Set width or height above 0; the other may be 0 to keep the proportions.")
    scale = _scale(layout, edit, x1 - x0, y1 - y0)
    if max(scale) > MAX_FACTOR and edit.operation == RESIZE:
        raise ValueError(f'{where}: a factor must lie in 0..{MAX_FACTOR:g}, got {max(scale):g}. "resize by" takes factors, "resize to" sizes.')
    if edit.at_border == STOP:
        scale = (min(scale[0], 1 / (x1 - x0)) if x1 > x0 else 1.0, min(scale[1], 1 / (y1 - y0)) if y1 > y0 else 1.0)
    ax, ay = ANCHORS[edit.anchor]
    fixed = (x0 + ax * (x1 - x0), y0 + ay * (y1 - y0))
    shift = [fixed[i] * (1 - scale[i]) for i in (0, 1)]
    if edit.at_border == STOP:
        for i, (low, high) in enumerate(((x0, x1), (y0, y1))):
            shift[i] += max(-(low * scale[i] + shift[i]), 0.0) - max(high * scale[i] + shift[i] - 1, 0.0)
    return _mapped(instance, scale, (shift[0], shift[1]), where)


def _scale(layout: Layout, edit: Edit, width: float, height: float) -> tuple[float, float]:
    if edit.operation == RESIZE:
        return edit.width or edit.height, edit.height or edit.width
    x, y = _sides(layout, edit)
    across = edit.width / x / width if edit.width and width > 0 else None
    down = edit.height / y / height if edit.height and height > 0 else None
    return across or down or 1.0, down or across or 1.0


def _removed(instance: Instance, layout: Layout, edit: Edit, where: str) -> None:
    return None


def _mapped(instance: Instance, scale: tuple[float, float], shift: tuple[float, float], where: str) -> Instance:
    new = map_instance(instance, scale, shift)
    if new is None:
        raise ValueError(f'{where} would leave the canvas. Choose smaller values, or at_border "{STOP}" to keep it inside.')
    return new


def _held_box(box: Box) -> Box:
    """A box pushed onto the canvas, and cut only where it is larger."""
    result = list(box)
    for low, high in ((0, 2), (1, 3)):
        shift = max(-box[low], 0.0) - max(box[high] - 1, 0.0) if box[high] - box[low] <= 1 else -box[low]
        result[low], result[high] = max(box[low] + shift, 0.0), min(box[high] + shift, 1.0)
    return result[0], result[1], result[2], result[3]


def _sides(layout: Layout, edit: Edit) -> tuple[float, float]:
    """What x and y are divided by to be fractions of the canvas."""
    if edit.units == FRACTIONS:
        sizes = [abs(v) for v in (edit.x, edit.y)] + ([edit.width, edit.height] if edit.operation != RESIZE else [])
        if max(sizes) > fields.MAX_FRACTION:
            raise ValueError(f"{WHERE}: {max(sizes):g} is no fraction of the canvas. Choose pixels as the units.")
        return 1.0, 1.0
    canvas = canvas_of(layout)
    if canvas is None:
        raise ValueError("The size of the canvas is unknown, so pixels mean nothing. Use fractions, or give the layout a width and a height.")
    return canvas


_CHANGES = {REPLACE: _replaced, MOVE: _moved, MOVE_TO: _moved, RESIZE: _resized, RESIZE_TO: _resized, REMOVE: _removed}
