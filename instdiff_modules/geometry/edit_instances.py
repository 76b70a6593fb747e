"""One change to the instances of a layout: add, replace, move, resize, remove, make a part, reorder. Nothing given is changed.

Parts move, grow and go with their parent.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..layout import fields
from ..layout.depth import STEPS, reordered
from ..layout.frames import add_location, canvas_of, describe, find_index, named_indices
from ..layout.instance import Box, Frames, Instance, Layout
from ..layout.parts import families, make_part, without
from ..layout.units import FRACTIONS, PIXELS
from .transform import UNCUT, hull, map_instance, whole_extent

ADD, REPLACE, MOVE, MOVE_TO, RESIZE, RESIZE_TO, REMOVE, PART, OPACITY, *_ = OPERATIONS = (
    "add",
    "replace",
    "move by",
    "move to",
    "resize by",
    "resize to",
    "remove",
    "make part",
    "set opacity",
    *STEPS,
)
EDIT_UNITS = (FRACTIONS, PIXELS)
STOP, CUT = AT_BORDER = ("stop", "cut")
ANCHORS = {
    "center": (0.5, 0.5),
    "bottom": (0.5, 1.0),
    "top": (0.5, 0.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top left": (0.0, 0.0),
}
MAX_VALUE = fields.MAX_SIDE  # of x, y, width and height, in pixels
MAX_FACTOR = 100.0
WHERE = "Edit Instances"


class Edit(NamedTuple):
    """What to do. `which`: ids or numbers (from 1), separated by commas; for "add" the id of the new instance, or empty.

    x, y, width, height in `units`: of "add" and "move to" the left top corner, of "add" and "resize to" the size, of "move by" x and y
    are the shift. Of "resize by" width and height are factors whatever the units. Where one of width and height is 0, "resize by" and
    "resize to" keep the proportions. part_of: id or number of the instance that "add" and "make part" make a part of; empty: none.
    opacity: 0..1, of "add" and "set opacity".
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
    part_of: str = ""
    opacity: float = 1.0


def edit_instances(frames: Frames, edit: Edit) -> Frames:
    """The layouts after one edit, which reaches every frame that has the instance. ValueError if none has, or if the values do not fit."""
    values = {name: fields.number(getattr(edit, name), WHERE, name) for name in ("x", "y", "width", "height")}
    for name, value in values.items():
        low = 0 if name in ("width", "height") else -MAX_VALUE
        fields.number_in(value, low, MAX_VALUE, WHERE, name)
    fields.number_in(edit.opacity, 0, 1, WHERE, "opacity")
    which = fields.text("" if edit.which is None else edit.which, WHERE, "which").strip()
    prompt = fields.text("" if edit.prompt is None else edit.prompt, WHERE, "prompt").strip()
    part_of = fields.text("" if edit.part_of is None else edit.part_of, WHERE, "part_of").strip()
    edit = edit._replace(which=which, prompt=prompt, part_of=part_of, **values)
    if part_of and edit.operation not in (ADD, PART):
        raise ValueError(f'part_of is for "{ADD}" and "{PART}", not for "{edit.operation}". Leave it empty.')
    if part_of and all(find_index(layout, part_of) is None for layout in frames):
        raise ValueError(f"There is no instance {fields.shorten(part_of)} to be a part of. {describe(frames)}")
    if edit.operation == ADD:
        return _add(frames, edit)
    if edit.operation == REPLACE and which and not prompt:
        raise ValueError("The prompt is empty. Write the prompt of the new object.")
    rows, change = named_indices(frames, which, edit.operation), _CHANGES[edit.operation]
    return tuple(replace(layout, instances=change(layout, row, edit)) for layout, row in zip(frames, rows, strict=True))


def _add(frames: Frames, edit: Edit) -> Frames:
    if edit.width <= 0 or edit.height <= 0:
        raise ValueError("The new instance has no size. Set width and height above 0; x and y are its left top corner.")
    boxes = []
    for layout in frames:
        x, y = _sides(layout, edit)
        box = (edit.x / x, edit.y / y, (edit.x + edit.width) / x, (edit.y + edit.height) / y)
        boxes.append({"box": fields.box(_held_box(box) if edit.at_border == STOP else box, "The new instance")})
    added = add_location(frames, boxes, edit.prompt, opacity=edit.opacity)
    if edit.part_of:
        wholes = [find_index(layout, edit.part_of) for layout in frames]
        added = tuple(
            layout
            if whole is None
            else replace(layout, instances=make_part(layout.instances, [len(layout.instances) - 1], whole))
            for layout, whole in zip(added, wholes, strict=True)
        )
    if not edit.which:
        return added
    if any(instance.id == edit.which for layout in frames for instance in layout.instances):
        raise ValueError(
            f"There is an instance {fields.shorten(edit.which)} already. Choose another id, leave it empty, or replace that one. {describe(frames)}"
        )
    return tuple(
        replace(layout, instances=(*layout.instances[:-1], replace(layout.instances[-1], id=edit.which)))
        for layout in added
    )


def _replaced(layout: Layout, chosen: Sequence[int], edit: Edit) -> tuple[Instance, ...]:
    new = list(layout.instances)
    for i in chosen:
        new[i] = replace(new[i], prompt=edit.prompt)
        if edit.width > 0 and edit.height > 0:
            x, y = _sides(layout, edit)
            box = fields.box(
                (edit.x / x, edit.y / y, (edit.x + edit.width) / x, (edit.y + edit.height) / y), _named(layout, i)
            )
            extra = {key: value for key, value in new[i].extra.items() if key != UNCUT}
            new[i] = replace(new[i], box=box, mask=None, scribble=None, point=None, extra=extra)
    return tuple(new)


def _mapped(layout: Layout, chosen: Sequence[int], edit: Edit) -> tuple[Instance, ...]:
    """The chosen ones moved or resized, each with its parts; a part that is chosen beside its parent goes with the parent alone."""
    together = families(layout.instances, chosen)
    carried = {k for i in chosen for k in together[i] if k != i}
    new = list(layout.instances)
    for i in chosen:
        if i in carried:
            continue
        around = hull([layout.instances[k] for k in together[i]])
        scale, shift = (_shift if edit.operation in (MOVE, MOVE_TO) else _stretch)(layout, i, around, edit)
        for k in together[i]:
            made = map_instance(layout.instances[k], scale, shift)
            if made is None:
                raise ValueError(
                    f'{_named(layout, k)} would leave the canvas. Choose smaller values, or at_border "{STOP}" to keep it inside.'
                )
            new[k] = made
    return tuple(new)


def _shift(layout: Layout, index: int, around: Box, edit: Edit) -> tuple[tuple[float, float], tuple[float, float]]:
    """(scale, shift); `around`: the instance and its parts, which stop at the border together."""
    sides, old = _sides(layout, edit), whole_extent(layout.instances[index])
    shift = (edit.x / sides[0], edit.y / sides[1])
    if edit.operation == MOVE_TO:
        shift = (shift[0] - old[0], shift[1] - old[1])
    if edit.at_border == STOP:
        shift = (_kept(shift[0], around[0], around[2]), _kept(shift[1], around[1], around[3]))
    return (1.0, 1.0), shift


def _kept(shift: float, low: float, high: float) -> float:
    """The shift of what reaches from low to high, stopped at the border."""
    return min(max(shift, -low), 1 - high)


def _stretch(layout: Layout, index: int, around: Box, edit: Edit) -> tuple[tuple[float, float], tuple[float, float]]:
    """As `_shift`, for the resizing operations."""
    x0, y0, x1, y1 = whole_extent(layout.instances[index])
    where = _named(layout, index)
    if x1 - x0 <= 0 and y1 - y0 <= 0:
        raise ValueError(
            f"{where} is a single point and has no size. Move it, or replace it with a width and a height."
        )
    if edit.width <= 0 and edit.height <= 0:
        raise ValueError(
            f"There is no size to {edit.operation}. Set width or height above 0; the other may be 0 to keep the proportions."
        )
    scale = _scale(layout, edit, x1 - x0, y1 - y0)
    if max(scale) > MAX_FACTOR and edit.operation == RESIZE:
        raise ValueError(
            f'{where}: a factor must lie in 0..{MAX_FACTOR:g}, got {max(scale):g}. "resize by" takes factors, "resize to" sizes.'
        )
    if edit.at_border == STOP:
        x, y = (
            min(s, 1 / (high - low)) if high > low else 1.0
            for s, low, high in zip(scale, around[:2], around[2:], strict=True)
        )
        scale = (x, y)
    ax, ay = ANCHORS[edit.anchor]
    fixed = (x0 + ax * (x1 - x0), y0 + ay * (y1 - y0))
    shift = [fixed[i] * (1 - scale[i]) for i in (0, 1)]
    if edit.at_border == STOP:
        for i, (low, high) in enumerate(zip(around[:2], around[2:], strict=True)):
            shift[i] += max(-(low * scale[i] + shift[i]), 0.0) - max(high * scale[i] + shift[i] - 1, 0.0)
    return scale, (shift[0], shift[1])


def _scale(layout: Layout, edit: Edit, width: float, height: float) -> tuple[float, float]:
    if edit.operation == RESIZE:
        return edit.width or edit.height, edit.height or edit.width
    x, y = _sides(layout, edit)
    across = edit.width / x / width if edit.width and width > 0 else None
    down = edit.height / y / height if edit.height and height > 0 else None
    return across or down or 1.0, down or across or 1.0


def _removed(layout: Layout, chosen: Sequence[int], _: Edit) -> tuple[Instance, ...]:
    return without(layout.instances, {k for one in families(layout.instances, chosen).values() for k in one})


def _parted(layout: Layout, chosen: Sequence[int], edit: Edit) -> tuple[Instance, ...]:
    whole = find_index(layout, edit.part_of) if edit.part_of else None
    return layout.instances if edit.part_of and whole is None else make_part(layout.instances, chosen, whole)


def _hiding(layout: Layout, chosen: Sequence[int], edit: Edit) -> tuple[Instance, ...]:
    new = list(layout.instances)
    for i in chosen:
        new[i] = replace(new[i], opacity=float(edit.opacity))
    return tuple(new)


def _in_depth(layout: Layout, chosen: Sequence[int], edit: Edit) -> tuple[Instance, ...]:
    return reordered(layout.instances, chosen, edit.operation)


def _named(layout: Layout, index: int) -> str:
    return f"Instance {index + 1} ({layout.instances[index].id[:40]})"


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
            raise ValueError(f"{WHERE}: {max(sizes):g} is not a fraction of the canvas. Choose pixels as the units.")
        return 1.0, 1.0
    canvas = canvas_of(layout)
    if canvas is None:
        raise ValueError(
            "The size of the canvas is unknown, so pixels cannot be used. Use fractions, or give the layout a width and a height."
        )
    return canvas


_CHANGES = {
    REPLACE: _replaced,
    MOVE: _mapped,
    MOVE_TO: _mapped,
    RESIZE: _mapped,
    RESIZE_TO: _mapped,
    REMOVE: _removed,
    PART: _parted,
    OPACITY: _hiding,
    **dict.fromkeys(STEPS, _in_depth),
}
