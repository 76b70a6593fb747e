"""Frames, the layouts that an INSTANCES socket carries: checked, searched, added to, joined, selected. Nothing given is changed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import fields as check
from .document import MAX_INSTANCES, unique_ids
from .instance import Frames, Instance, Layout
from .parts import check_parents

EMPTY: Frames = (Layout(),)
SELECT_BY = ("number", "id", "text")
MAX_TOTAL = 200_000  # instances of all frames together: 48 in each of 4096
ASPECT_TOLERANCE = 0.02  # relative; sizes rounded to multiples of 8 or 64 differ by about that


def as_frames(value: Any) -> Frames:
    """What came through an INSTANCES socket -> frames; nothing connected gives one empty layout."""
    if value is None:
        return EMPTY
    if not isinstance(value, tuple) or not value or not all(isinstance(layout, Layout) for layout in value):
        raise ValueError(
            f"Expected INSTANCES, got {check.shorten(value)}. Connect an InstDiff node, for example Instances from JSON."
        )
    return value


def check_total(count: int, where: str, what: str = "instances") -> None:
    """ValueError if all frames together would have more instances than can be made and kept in a few seconds."""
    if count > MAX_TOTAL:
        raise ValueError(
            f"{where}: all frames together would have {count} {what}, at most {MAX_TOTAL} are possible. Use fewer frames or instances."
        )


def check_batch(frames: int, images: int, whose: str = "The layout has") -> None:
    """ValueError for a number of frames that is not one for each image, or for each of several rounds of images."""
    if images % frames:
        raise ValueError(
            f"{whose} {frames} frames, which do not fit a latent batch of {images}. Set batch_size to {frames}, or give one layout "
            "for all images."
        )


def add_location(
    frames: Frames,
    locations: Mapping[str, Any] | Sequence[Mapping[str, Any] | None],
    prompt: str,
    target: str = "",
    strength: float = 1.0,
    start: float = 0.0,
    end: float = 1.0,
    negative: str = "",
    opacity: float = 1.0,
) -> Frames:
    """Add an instance in front of all others, to every frame.

    locations: checked values by field name (box, point, scribble, mask), for all frames or one per frame, None where
    the instance is absent. With `target`, the id or number of an instance, they are added to that instance instead: it
    keeps its strength, start, end and opacity, and its prompt and negative prompt where those given are empty.
    """
    if isinstance(locations, Mapping):
        locations = [locations] * len(frames)
    prompt = check.text(prompt, "The new instance", "prompt").strip()
    negative = check.text("" if negative is None else negative, "The new instance", "negative").strip()
    target = check.text("" if target is None else target, "The new instance", "target").strip()
    if target:
        if not any(find_index(layout, target) is not None for layout in frames):
            raise ValueError(f"There is no instance {target!r} to add this location to. {describe(frames)}")
        return tuple(
            _add_location(layout, given, prompt, target, negative)
            for layout, given in zip(frames, locations, strict=True)
        )
    if not prompt:
        raise ValueError("The prompt is empty. Write what to draw, or name the instance that this location belongs to.")
    strength = check.number_in(strength, 0, 2, "The new instance", "strength")
    start, end = (check.number_in(v, 0, 1, "The new instance", name) for v, name in ((start, "start"), (end, "end")))
    if start > end:
        raise ValueError(
            f"The new instance: start {start:g} lies after end {end:g}. Both are shares 0..1 of the denoising."
        )
    opacity = check.number_in(opacity, 0, 1, "The new instance", "opacity")
    name = _new_id(frames)
    new = Instance(id=name, prompt=prompt, negative=negative, strength=strength, start=start, end=end, opacity=opacity)
    return tuple(
        layout if given is None else _with(layout, (*layout.instances, replace(new, **given)))
        for layout, given in zip(frames, locations, strict=True)
    )


def combine(parts: Sequence[Frames]) -> Frames:
    """Join layouts frame by frame, later ones in front. A single frame joins every frame of the others."""
    parts = [part for part in parts if part]
    length = max((len(part) for part in parts), default=0)
    if not parts:
        raise ValueError("Nothing is connected. Connect the instances to join.")
    if any(len(part) not in (1, length) for part in parts):
        counts = ", ".join(str(len(part)) for part in parts)
        raise ValueError(f"The inputs have {counts} frames. Expected equal numbers of frames, or a single one.")
    columns = [[part[i if len(part) > 1 else 0] for part in parts] for i in range(length)]
    return tuple(_join(layouts) for layouts in columns)


def select(frames: Frames, which: str, by: str = "number", invert: bool = False) -> Frames:
    """Keep the instances that `which` names, in their order.

    by "number": "1,3-5" (from 1, back to front); "id": ids separated by commas; "text": words found in the prompt,
    separated by commas. invert: keep the others. ValueError if none is named in any frame.
    """
    if not isinstance(by, str) or by not in SELECT_BY:
        raise ValueError(
            f"Instances are selected by {', '.join(SELECT_BY)}, got {check.shorten(by)}. Choose one of these."
        )
    if not check.text("" if which is None else which, "The selection", "which").strip(" ,"):
        raise ValueError('Nothing is selected. Write numbers like "1,3-5", ids, or words of the prompts.')
    check.flag(invert, "The selection", "invert")
    words = [word.strip() for word in which.split(",") if word.strip()]
    ranges = [_range(word) for word in words] if by == "number" else []

    def named(position: int, instance: Instance) -> bool:
        if by == "number":
            return any(low <= position <= high for low, high in ranges)
        if by == "id":
            return instance.id in words
        return any(word.lower() in instance.prompt.lower() for word in words)

    hits = [[named(i, instance) for i, instance in enumerate(layout.instances, 1)] for layout in frames]
    if not any(map(any, hits)):
        raise ValueError(f"No instance has the {by} {which.strip()!r}. {describe(frames)}")
    return tuple(
        _with(layout, [instance for instance, hit in zip(layout.instances, row, strict=True) if hit != invert])
        for layout, row in zip(frames, hits, strict=True)
    )


def check_aspect(layout: Layout, width: int, height: int, what: str) -> None:
    """ValueError unless `what` (width x height) has the shape of the layout's canvas, as far as that is known."""
    canvas = canvas_of(layout)
    if canvas and abs(width * canvas[1] / (height * canvas[0]) - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"{what} is {width}x{height} pixels, but the canvas of the layout is {canvas[0]}x{canvas[1]}: "
            f"another shape. Resize or crop it to {canvas[0]}x{canvas[1]}."
        )


def canvas_of(layout: Layout) -> tuple[int, int] | None:
    """(width, height) in pixels: the document's, else that of its first mask, else None."""
    if layout.width and layout.height:
        return layout.width, layout.height
    return next(((i.mask.width, i.mask.height) for i in layout.instances if i.mask is not None), None)


def describe(frames: Frames, limit: int = 8) -> str:
    """ "The layout has 1 (fox) 'a red fox', 2 ..." for error messages; of the first frame."""
    instances = frames[0].instances
    listed = ", ".join(f"{i} ({x.id}) {check.shorten(x.prompt, 30)}" for i, x in enumerate(instances[:limit], 1))
    more = f" and {len(instances) - limit} more" if len(instances) > limit else ""
    return f"The layout has {listed}{more}." if instances else "The layout has no instances."


def _add_location(layout: Layout, given: Mapping[str, Any] | None, prompt: str, target: str, negative: str) -> Layout:
    index = find_index(layout, target)
    if index is None or given is None:
        return layout
    old = layout.instances[index]
    for name in given:
        if getattr(old, name) is not None:
            raise ValueError(
                f"Instance {index + 1} ({old.id}) already has a {name}. Leave target empty to make a new instance."
            )
    new = replace(old, **given, prompt=prompt or old.prompt, negative=negative or old.negative)
    return _with(layout, (*layout.instances[:index], new, *layout.instances[index + 1 :]))


def find_index(layout: Layout, target: str) -> int | None:
    """Index of the instance of that id, else of that number (from 1)."""
    return _find_indices(layout, [target.strip()])[0]


def _find_indices(layout: Layout, targets: Sequence[str]) -> list[int | None]:
    count = len(layout.instances)
    ids = {
        instance.id: count - i for i, instance in enumerate(reversed(layout.instances), 1)
    }  # the first of equal ones

    def number(target: str) -> int | None:
        return int(target) - 1 if re.fullmatch(r"[0-9]{1,6}", target) and 1 <= int(target) <= count else None

    return [ids[target] if target in ids else number(target) for target in targets]


def named_indices(frames: Frames, which: str, purpose: str) -> list[list[int]]:
    """Indices in each frame of the instances that `which` names by id or number, separated by commas; in their order.

    ValueError, with `purpose` ("to <purpose>") in its sentence, for one that is in no frame.
    """
    if not which:
        raise ValueError(
            f'Nothing is named. Write the id or the number of the instance to {purpose}, for example "1". {describe(frames)}'
        )
    one = any(instance.id == which for layout in frames for instance in layout.instances)  # an id may hold a comma
    words = (
        [which] if one else list(dict.fromkeys(word.strip() for word in which.split(",") if word.strip())) or [which]
    )
    found = [_find_indices(layout, words) for layout in frames]
    for word, column in zip(words, zip(*found, strict=True), strict=False):
        if all(index is None for index in column):
            raise ValueError(f"There is no instance {check.shorten(word)} to {purpose}. {describe(frames)}")
    return [sorted({index for index in row if index is not None}) for row in found]


def _new_id(frames: Frames) -> str:
    # a parent that is gone leaves its name behind: its parts would take a new one of that name for theirs
    taken = {name for layout in frames for instance in layout.instances for name in (instance.id, instance.parent)}
    n = max(len(layout.instances) for layout in frames) + 1
    while f"i{n}" in taken:
        n += 1
    return f"i{n}"


def _with(layout: Layout, instances: Sequence[Instance]) -> Layout:
    if len(instances) > MAX_INSTANCES:
        raise ValueError(f"The layout would have {len(instances)} instances, at most {MAX_INSTANCES} are possible.")
    return replace(layout, instances=tuple(instances))


def _join(layouts: Sequence[Layout]) -> Layout:
    sized = [(layout, size) for layout in layouts if (size := canvas_of(layout))]
    for _, size in sized[1:]:
        check_aspect(sized[0][0], *size, "One canvas")
    known = next((layout for layout in layouts if layout.width and layout.height), layouts[0])
    joined = Layout(
        width=known.width,
        height=known.height,
        prompt=next((layout.prompt for layout in layouts if layout.prompt), ""),
        extra={k: v for layout in reversed(layouts) for k, v in layout.extra.items()},
    )
    renamed = unique_ids([instance for layout in layouts for instance in layout.instances])
    instances: list[Instance] = []
    for layout in layouts:  # parts stay with the parents of their own layout, where those had to get another id
        own = renamed[len(instances) : len(instances) + len(layout.instances)]
        names = dict(zip((old.id for old in layout.instances), (new.id for new in own), strict=True))
        instances += [replace(new, parent=names[new.parent]) if new.parent in names else new for new in own]
    check_parents(instances)
    return _with(joined, instances)


def _range(word: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?", word)
    if not match:
        raise ValueError(f'{word!r} is not a number or range of numbers. Write for example "1,3-5".')
    low = int(match[1])
    high = int(match[2] or low)
    if low < 1 or high < low:
        raise ValueError(
            f"{word!r} names no instance. Instances are numbered from 1, and a range runs upwards, for example 3-5."
        )
    return low, high
