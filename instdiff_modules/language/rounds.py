"""Rounds with a language model: a layout goes out in words, and comes back changed. What the words could not carry is kept here.

The request names of each instance its id, prompt and box alone. What the answer does not mention of an instance that it names by id stays as it
was: negative prompt, strength, start, end, opacity, reference, colour, mask, point, scribble, parent, and whether it is hidden or locked.
"""

from collections.abc import Collection, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace

from ..geometry.masks import mask_extent
from ..geometry.transform import UNCUT, fitting, map_instance
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Instance, Layout
from ..layout.parts import check_parents

_PLAIN = Instance("", "")
_FIELDS = tuple(one.name for one in fields_of(Instance) if one.name not in ("id", "prompt", "extra"))
_ROUNDED = 0.6  # of a step of the numbers that the request wrote: as near as that, a box has not moved


def box_in_words(instance: Instance) -> Box | None:
    """The box that the request names: its own, else that around its mask. Points and scribbles cannot be put into words."""
    return instance.box or (mask_extent(instance.mask) if instance.mask is not None else None)


def mentioned(instance: Instance) -> frozenset[str]:
    """The fields of an instance that are not as they are by default."""
    return frozenset(name for name in _FIELDS if getattr(instance, name) != getattr(_PLAIN, name))


def keep_unmentioned(layout: Layout, said: Sequence[Collection[str]], earlier: Layout, notes: list[str]) -> Layout:
    """The layout of an answer with what it does not mention from the layout that was asked about.

    said: the fields that the answer gives of each instance. An instance that moved takes its mask, point and scribble along. Instances that the
    request could not put into words stay. ValueError if both together are too many.
    """
    old = {instance.id: instance for instance in reversed(earlier.instances)}
    width, height = layout.width or earlier.width or 1000, layout.height or earlier.height or 1000
    steps = _ROUNDED * max(1 / width, 1e-3), _ROUNDED * max(1 / height, 1e-3)
    merged = [
        _merged(old[new.id], new, given, steps) if new.id in old else new
        for new, given in zip(layout.instances, said, strict=True)
    ]
    kept = sum(new != one for new, one in zip(layout.instances, merged, strict=True))
    if kept:
        notes.append(f"What the answer does not mention of {kept} instance{'' if kept == 1 else 's'} was kept.")
    silent = _insert_silent(merged, earlier)
    if silent:
        notes.append(
            f"Without a box, not put into words, and kept: {', '.join(silent[:5])}{', ...' * (len(silent) > 5)}."
        )
    if len(merged) > MAX_INSTANCES:
        raise ValueError(
            f"The answer and the layout together have {len(merged)} instances, at most {MAX_INSTANCES} are read."
        )
    return replace(
        layout,
        instances=_with_sound_parents(merged, layout),
        prompt=layout.prompt or earlier.prompt,
        width=layout.width or earlier.width,
        height=layout.height or earlier.height,
        extra={**earlier.extra, **layout.extra},
    )


def _merged(old: Instance, new: Instance, said: Collection[str], steps: tuple[float, float]) -> Instance:
    base, was = old, box_in_words(old)
    given = {name: getattr(new, name) for name in said if name in _FIELDS and name != "box"}
    extra = dict(new.extra)
    if new.box is not None and was is None:
        given["box"] = new.box
    elif (
        new.box is not None
        and was is not None
        and any(abs(a - b) > steps[axis % 2] for axis, (a, b) in enumerate(zip(was, new.box, strict=True)))
    ):
        base = map_instance(old, *fitting(was, new.box)) or old
        if old.box is not None:
            given["box"] = new.box
    else:
        extra.pop(UNCUT, None)  # the old box, and what it says of itself
    base = replace(base, prompt=new.prompt, extra={**base.extra, **extra}, **given)
    return base if base.start <= base.end else replace(base, start=new.start, end=new.end)


def _insert_silent(merged: list[Instance], earlier: Layout) -> list[str]:
    """Put what was not in the request behind what it lay in front of; -> its ids."""
    added, before = [], None
    there = {instance.id for instance in merged}
    for instance in earlier.instances:
        if box_in_words(instance) is None and instance.id not in there:
            at = next((i for i, one in enumerate(merged, 1) if one.id == before), 0)
            merged.insert(at, instance)
            added.append(instance.id)
            there.add(instance.id)
        if instance.id in there:
            before = instance.id
    return added


def _with_sound_parents(merged: Sequence[Instance], layout: Layout) -> tuple[Instance, ...]:
    """Parts of what is gone stand alone; where the kept parents lead in a circle, those of the answer count."""
    ids = {instance.id for instance in merged}
    result = tuple(one if one.parent in ids else replace(one, parent="") for one in merged)
    try:
        check_parents(result)
    except ValueError:
        own = {instance.id: instance.parent for instance in layout.instances}
        return tuple(replace(one, parent=own.get(one.id, "")) for one in result)
    return result
