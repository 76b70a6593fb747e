"""The rules of a plausible layout: each looks at the instances and returns what it finds."""

from typing import NamedTuple

from ..geometry.transform import UNCUT, whole_extent
from ..layout import fields
from ..layout.frames import canvas_of
from ..layout.instance import Box, Instance, Layout
from .depth import Thing, conflicts, target_height
from .sizes import size_of

MAX_CUT = 0.05  # share of a box outside the canvas that passes
SAME_PLACE = 0.8  # overlap (intersection over union) of two boxes with the same prompt
SAME_BOX = 0.92  # of two boxes with different prompts
DEFAULT_SIDE = 512


class Rules(NamedTuple):
    """Which rules hold. smallest: shortest side of a box in pixels, 0 for no such rule. instance_count: how many were requested,
    0 for any number.

    horizon: its height in the picture, 0 top, 1 bottom; below 0 the ground fills the picture.
    """

    edges: bool = True
    duplicates: bool = True
    sizes: bool = True
    perspective: bool = True
    smallest: int = 32
    instance_count: int = 0
    horizon: float = 0.35


class Finding(NamedTuple):
    """rule: "edges", "duplicates", "smallest", "sizes", "perspective" or "count". instance_index: in the layout, None for the layout
    itself. box: what would correct it; None: nothing we know.

    remove: whether leaving the instance out would correct it.
    """

    rule: str
    instance_index: int | None
    text: str
    box: Box | None = None
    remove: bool = False


def find(layout: Layout, rules: Rules) -> list[Finding]:
    """All findings, in the order in which they are best corrected."""
    steps = ((rules.edges, _edges), (rules.duplicates, _duplicates), (rules.smallest > 0, _smallest), (rules.sizes or rules.perspective, _depth),
             (rules.instance_count > 0, _count))  # fmt: skip
    return [finding for on, rule in steps if on for finding in rule(layout, rules)]


def _seen(layout: Layout) -> list[tuple[int, Instance, Box]]:
    """Visible instances with a width and a height: (index, instance, its extent as it was meant, which may lie outside)."""
    result = []
    for i, instance in enumerate(layout.instances):
        if instance.visible and (instance.box is not None or instance.mask is not None):
            result.append((i, instance, _uncut(instance) or whole_extent(instance)))
    return result


def _uncut(instance: Instance) -> Box | None:
    """The box as the model wrote it, if it was cut and has not been moved since."""
    value = instance.extra.get(UNCUT)
    if (
        instance.box is None
        or not isinstance(value, list)
        or len(value) != 4
        or not all(type(v) in (int, float) and abs(v) < fields.MAX_FRACTION for v in value)
    ):
        return None
    x0, y0, x1, y1 = value
    same = all(abs(min(max(v, 0.0), 1.0) - now) < 1e-5 for v, now in zip(value, instance.box, strict=True))
    return (x0, y0, x1, y1) if same and x0 < x1 and y0 < y1 else None


def _edges(layout: Layout, _: Rules) -> list[Finding]:
    found = []
    for i, instance, box in _seen(layout):
        area = (box[2] - box[0]) * (box[3] - box[1])
        inside = max(min(box[2], 1) - max(box[0], 0), 0) * max(min(box[3], 1) - max(box[1], 0), 0)
        share = 1 - inside / area if area > 0 else 0.0
        if share > MAX_CUT:
            found.append(
                Finding(
                    "edges",
                    i,
                    f"{name_of(i, instance)} is cut off: {share:.0%} of its box lies outside the canvas.",
                    _inside(box),
                )
            )
    return found


def _duplicates(layout: Layout, _: Rules) -> list[Finding]:
    found, seen = [], _seen(layout)
    for n, (i, instance, box) in enumerate(seen):
        for j, other, place in seen[:n]:
            overlap = _iou(box, place)
            if overlap >= SAME_PLACE and _words(instance) == _words(other):
                found.append(
                    Finding(
                        "duplicates",
                        i,
                        f"{name_of(i, instance)} is in the same region as {name_of(j, other)}.",
                        remove=True,
                    )
                )
                break
            if overlap >= SAME_BOX:
                found.append(
                    Finding(
                        "duplicates",
                        i,
                        f"{name_of(i, instance)} fills the same box as {name_of(j, other)}. Move one of them.",
                    )
                )
                break
    return found


def _smallest(layout: Layout, rules: Rules) -> list[Finding]:
    width, height = canvas_of(layout) or (DEFAULT_SIDE, DEFAULT_SIDE)
    found = []
    for i, instance, box in _seen(layout):
        sides = (box[2] - box[0]) * width, (box[3] - box[1]) * height
        if min(sides) < rules.smallest - 0.5 and min(sides) > 0:
            factor = min(rules.smallest / min(sides), width / sides[0], height / sides[1])
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            half = (sides[0] * factor / width / 2, sides[1] * factor / height / 2)
            grown = _inside((x - half[0], y - half[1], x + half[0], y + half[1])) if factor > 1.001 else None
            text = f"{name_of(i, instance)} is {sides[0]:.0f}x{sides[1]:.0f} pixels; below {rules.smallest} a model cannot draw it well."
            found.append(Finding("smallest", i, text, grown))
    return found


def _depth(layout: Layout, rules: Rules) -> list[Finding]:
    # an eagle's head is not an eagle: parts have no size of their own that we know
    whole = [row for row in _seen(layout) if not row[1].parent]
    sized = [(i, instance, box, size) for i, instance, box in whole if (size := size_of(instance.prompt))]
    things = [Thing(i, box, size, instance.locked) for i, instance, box, size in sized]
    found = conflicts(things, rules.horizon, rules.sizes, rules.perspective)
    blamed = {conflict.blamed.instance_index for conflict in found}
    sound = [thing for thing in things if thing.instance_index not in blamed]
    result = []
    for conflict in found:
        i, other = conflict.blamed.instance_index, conflict.other
        name, beside = (
            name_of(i, layout.instances[i]),
            name_of(other.instance_index, layout.instances[other.instance_index]),
        )
        if conflict.kind == "perspective":
            text = f"{name} stands farther away than {beside}, but is drawn larger for its real size." if conflict.larger else \
                f"{name} stands nearer than {beside}, but is drawn smaller for its real size."  # fmt: skip
        else:
            text = f"{name} is too {'large' if conflict.larger else 'small'} beside {beside}: {_metres(conflict.blamed)} and {_metres(other)}."
        box, height = conflict.blamed.box, target_height(conflict, sound, rules.horizon)
        factor = height / (box[3] - box[1])
        half, x = (box[2] - box[0]) * factor / 2, (box[0] + box[2]) / 2
        target = _inside((x - half, box[3] - height, x + half, box[3]))
        result.append(
            Finding(
                "perspective" if conflict.kind == "perspective" else "sizes",
                i,
                text,
                target if abs(factor - 1) > 0.02 else None,
            )
        )
    return result


def _count(layout: Layout, rules: Rules) -> list[Finding]:
    count = sum(instance.visible for instance in layout.instances)
    if count == rules.instance_count:
        return []
    advice = (
        "Ask the model again, or add them with Edit Instances."
        if count < rules.instance_count
        else "Remove some with Edit Instances, or ask the model again."
    )
    return [
        Finding(
            "count",
            None,
            f"{rules.instance_count} instance{'' if rules.instance_count == 1 else 's'} were requested, "
            f"there {'is' if count == 1 else 'are'} {count}. {advice}",
        )
    ]


def _inside(box: Box) -> Box:
    """A box moved onto the canvas, and shrunk in its proportions where it is larger."""
    factor = min(1.0, 1 / (box[2] - box[0]), 1 / (box[3] - box[1]))
    sides = (box[2] - box[0]) * factor, (box[3] - box[1]) * factor
    x = min(max((box[0] + box[2] - sides[0]) / 2, 0.0), 1 - sides[0])
    y = min(max(box[3] - sides[1] if factor < 1 else box[1], 0.0), 1 - sides[1])
    return round(x, 4), round(y, 4), round(x + sides[0], 4), round(y + sides[1], 4)


def _iou(a: Box, b: Box) -> float:
    common = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / whole if whole > 0 else 0.0


def _words(instance: Instance) -> str:
    return " ".join(instance.prompt.lower().split())


def name_of(index: int, instance: Instance) -> str:
    return f"Instance {index + 1} ({' '.join(instance.prompt.split())[:40]})"


def _metres(thing: Thing) -> str:
    return f"a {thing.size.name} is {thing.size.low:.2g} to {thing.size.high:.2g} m tall"
