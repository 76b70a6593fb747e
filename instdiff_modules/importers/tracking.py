"""TRACKING of the older InstanceDiffusion pack, of its tracker nodes and of KJNodes: boxes of named objects over time."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.frames import check_total
from ..layout.instance import Box, Frames, Instance, Layout
from .boxes import cut_box
from .given import MAX_FRAMES
from .odd_items import keep_good

logger = logging.getLogger(__name__)

WHERE = "Instances from Boxes"
EXPECTED = "TRACKING {class: {id: [[left, top, right, bottom, width, height] or None, one for each frame]}} in pixels"
LINE = re.compile(r'"(-?[0-9]{1,18})\.([^"]+)"\s*:\s*"([^"]+)"')
ALL = -1  # as id in a prompt: every object of the class


def is_tracking(value: Any) -> bool:
    """{class: {id: [...]}}, perhaps with odd objects among them."""
    if not isinstance(value, Mapping) or not value:
        return False
    if not all(isinstance(v, Mapping) for v in value.values()):
        return False
    boxes = [item for objects in value.values() for item in objects.values()]
    return all(map(len, value.values())) and any(
        isinstance(b, list) and all(v is None or isinstance(v, list) for v in b) for b in boxes
    )


def read_tracking(value: Mapping[str, Any], prompts: str = "") -> Frames:
    """-> one layout for each frame; where an object has no box in a frame, it is not in that layout.

    prompts: `"id.class": "prompt"` for each object, id -1 for all of a class, as in the older pack; objects that no line names are left
    out, as there, with a warning. Without any line each object is prompted with its class. Ids of the instances: "id.class".
    """
    check_total(_boxes_given(value), WHERE, "boxes")
    tracks = _tracks(value)
    count = max((len(boxes) for boxes, _ in tracks.values()), default=0)
    if not 1 <= count <= MAX_FRAMES or len(tracks) > MAX_INSTANCES:
        raise ValueError(
            f"{WHERE}: the TRACKING has {len(tracks)} objects over {count} frames. Expected 1 to {MAX_FRAMES} frames of at most "
            f"{MAX_INSTANCES} objects."
        )
    words = _words(prompts, tracks)
    left_out = [name for name in tracks if name not in words]
    if left_out:
        logger.warning("%s: no prompt names %s: left out.", WHERE, ", ".join(left_out[:8]))
    canvas = next(size for _, size in tracks.values() if size is not None)
    frames = []
    for i in range(count):
        shown = [
            (name, boxes[i])
            for name, (boxes, _) in tracks.items()
            if name in words and i < len(boxes) and boxes[i] is not None
        ]
        frames.append(Layout(tuple(Instance(name, words[name], box=box) for name, box in shown), *canvas))
    return tuple(frames)


def tracking_of(
    frames: Frames, width: int, height: int, boxes: Sequence[Sequence[Mapping[str, Any]]]
) -> tuple[dict[str, dict[int, list]], str]:
    """The other way: TRACKING and its prompts. boxes: of every frame, one {x, y, width, height, label} for each visible instance.

    An object is the instance of one id in all frames; its class is the last word of its prompt.
    """
    tracks: dict[str, dict[int, list]] = {}
    seen: dict[str, tuple[str, int]] = {}
    lines = []
    for i, (layout, found) in enumerate(zip(frames, boxes, strict=True)):
        shown = [instance for instance in layout.instances if instance.visible]
        for instance, box in zip(shown, found, strict=True):
            if instance.id not in seen:
                name = _class_of(instance.prompt)
                seen[instance.id] = name, len(tracks.setdefault(name, {}))
                tracks[name][seen[instance.id][1]] = [None] * len(frames)
                lines.append(f'"{seen[instance.id][1]}.{name}": "{_clean(instance.prompt)}"')
            name, number = seen[instance.id]
            x, y = box["x"], box["y"]
            tracks[name][number][i] = [x, y, x + box["width"], y + box["height"], width, height]
    return tracks, ",\n".join(lines)


def _class_of(prompt: str) -> str:
    words = re.findall(r"[^\W\d_]+", prompt.lower())
    return words[-1] if words else "object"


def _clean(prompt: str) -> str:
    """On one line, and without the quotation marks that would end it."""
    return " ".join(prompt.replace('"', "'").split())


def _tracks(value: Mapping[str, Any]) -> dict[str, tuple[list[Box | None], tuple[int, int] | None]]:
    """Of each "id.class": its boxes in 0..1 and the canvas they were measured on."""
    found = []
    for name, objects in value.items():
        if not isinstance(name, str) or not isinstance(objects, Mapping):
            raise ValueError(f"{WHERE}: expected {EXPECTED}, got {fields.shorten(value)}.")
        found += [(f"{str(number)[:40]}.{name}", boxes) for number, boxes in objects.items()]
    out = dict(keep_good(found, lambda pair, _: (pair[0], _boxes(pair[1], f"Object {pair[0][:40]}")), WHERE))
    if not any(size for _, size in out.values()):
        raise ValueError(f"{WHERE}: the TRACKING holds no box in any frame. Expected {EXPECTED}.")
    return out


def _boxes_given(value: Mapping[str, Any]) -> int:
    """How many boxes there may be, from the lengths of the lists alone."""
    objects = [boxes for named in value.values() if isinstance(named, Mapping) for boxes in named.values()]
    return sum(len(boxes) - boxes.count(None) for boxes in objects if isinstance(boxes, (list, tuple)))


def _boxes(boxes: Sequence[Any], where: str) -> tuple[list[Box | None], tuple[int, int] | None]:
    if not isinstance(boxes, Sequence) or isinstance(boxes, str):
        raise ValueError(f"{where}: expected {EXPECTED}, got {fields.shorten(boxes)}.")
    found: list[Box | None] = []
    size, largest = None, 0.0
    for i, given in enumerate(boxes, 1):
        if given is None:
            found.append(None)
            continue
        x0, y0, x1, y1, w, h = fields.numbers(
            given, 6, f"{where}, frame {i}", "box", "[left, top, right, bottom, width, height] in pixels"
        )
        size = fields.whole(w, where, "width"), fields.whole(h, where, "height")
        largest = max(largest, min(x1 - x0, y1 - y0))
        found.append(cut_box(x0, y0, x1 - x0, y1 - y0, *size))
    if size is not None and largest <= 1:
        raise ValueError(
            f"{WHERE}: {where} is at most one pixel in size in every frame. KJNodes makes such boxes unless size_multiplier holds one "
            "number for each frame: connect it there."
        )
    return found, size


def _words(prompts: str, names: Mapping[str, Any]) -> dict[str, str]:
    text = fields.text("" if prompts is None else prompts, WHERE, "prompts")
    lines = [(int(number), name.strip(), words) for number, name, words in LINE.findall(text)]
    if not lines:
        if text.strip():
            raise ValueError(
                f'{WHERE}: the prompts of a TRACKING are lines such as "0.person": "a tall man", got {fields.shorten(text)}.'
            )
        return {name: name.partition(".")[2] for name in names}
    out: dict[str, str] = {}
    for number, name, words in lines:
        of_class = [known for known in names if known.partition(".")[2] == name]
        meant = of_class if number == ALL else [known for known in of_class if known.partition(".")[0] == str(number)]
        if not meant:
            raise ValueError(
                f'{WHERE}: the prompt "{number}.{name}" names no object of the TRACKING. It has {", ".join(list(names)[:8])}.'
            )
        out.update((known, words) for known in meant)
    return out
