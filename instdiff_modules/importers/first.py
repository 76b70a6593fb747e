"""What quickstart asks of a layout file before it starts ComfyUI, with the Python that has our requirements:

    python -m instdiff_modules.importers.first FILE ASKED

ASKED is JSON: {"first": N, "image", "width", "height", "order", "units": as of Instances from JSON, "prompts": whether every
instance needs one}, all of which may be left out. Printed is one line of JSON: {"most": instances that act at the same time in a
frame, "text": the layout as a document of ours, "canvas": [width, height] of the first frame that has one, or null, "notes":
sentences for the user}, or {"problem": why the file cannot be run, "open": whether options can answer it}.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..commands.names import shown
from ..layout.document import INSTANCE_FIELDS, LAYOUT_FIELDS, check_prompts, load_json
from ..layout.frames import canvas_of
from ..layout.instance import Frames, Layout
from ..layout.parts import without
from .frames import frames_to_json
from .given import NOT_DECLARED, Given, sides_given
from .kinds import read_any
from .odd_items import Question, listing
from .own import is_own

WHERE = "The layout"
PACKAGE = __name__.rpartition(".importers")[0]
LIKENESS = 0.75  # of a field's name to one that is known, 0..1: "promt", "bx"


def answer(text: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """text: a layout of any kind that Instances from JSON reads. See above for the rest."""
    with heard() as notes:
        try:
            sides = sides_given(asked.get("width", 0), asked.get("height", 0), WHERE)
            units, order = asked.get("units", NOT_DECLARED), asked.get("order", NOT_DECLARED)
            frames = read_any(text, Given(sides, units, order, asked.get("image", ""), where=WHERE))
        except ValueError as error:
            return {"problem": str(error), "open": isinstance(error.__cause__, Question), "notes": notes}
    raw = load_json(text) if text.lstrip("\ufeff \t\r\n")[:1] == "{" else {}
    notes += misspelt(raw)
    notes += left_out(raw, frames)
    frames = with_caption(frames, raw)
    if "first" in asked:
        frames, more = first_instances(frames, asked["first"])
        notes += more
    if asked.get("prompts"):
        try:
            for layout in frames:
                check_prompts(layout)
        except ValueError as error:
            return {"problem": str(error), "open": False, "notes": notes}
    most = max(most_at_once(layout) for layout in frames)
    return {
        "most": most,
        "text": frames_to_json(frames),
        "canvas": next(filter(None, map(canvas_of, frames)), None),
        "notes": notes,
    }


@contextmanager
def heard() -> Iterator[list[str]]:
    """The warnings of our readers meanwhile."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(shown(record.getMessage(), 400))
    logger = logging.getLogger(PACKAGE)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def misspelt(document: Any) -> list[str]:
    """A sentence for each field of a document of ours that is unknown, but nearly one that it lacks; ten at most."""
    if not isinstance(document, Mapping) or not is_own(document):
        return []
    items = document.get("instances")
    places = [("The layout", document, LAYOUT_FIELDS)]
    places += [
        (f"Instance {i}", item, INSTANCE_FIELDS)
        for i, item in enumerate(items if isinstance(items, list) else [], 1)
        if isinstance(item, Mapping)
    ]
    found = [
        f"{where}: the field {shown(key, 40)!r} is unknown; did you mean {meant[0]!r}?"
        for where, item, known in places
        for key in item
        if key not in known and (meant := get_close_matches(key, [k for k in known if k not in item], 1, LIKENESS))
    ]
    return found[:10]


def left_out(document: Any, frames: Frames) -> list[str]:
    """How many instances of a document of ours could not be read."""
    items = document.get("instances") if isinstance(document, Mapping) and is_own(document) else None
    given, kept = len(items) if isinstance(items, list) else 0, len(frames[0].instances)
    verb = "was" if given - kept == 1 else "were"
    return [f"{given - kept} of your {given} instances {verb} left out: see above."] if given > kept else []


def with_caption(frames: Frames, raw: Any) -> Frames:
    """The caption that stands beside the list of a detector, where the reader of its kind takes none."""
    if len(frames) != 1 or frames[0].prompt or not isinstance(raw, Mapping):
        return frames
    given = next((v for k in ("prompt", "caption") if isinstance(v := raw.get(k), str) and v.strip()), "")
    return (replace(frames[0], prompt=given),)


def first_instances(frames: Frames, number: int) -> tuple[Frames, list[str]]:
    """(layouts with their first `number` visible instances, and no others; what to say where a caption still names another)."""
    kept: list[Layout] = []
    named: list[str] = []
    for layout in frames:
        visible = [i for i, instance in enumerate(layout.instances) if instance.visible]
        gone = {*range(len(layout.instances))} - {*visible[:number]}
        named += [p for i in sorted(gone) if (p := layout.instances[i].prompt.strip()) and p in layout.prompt]
        kept.append(replace(layout, instances=without(layout.instances, gone)))
    words = listing(list(dict.fromkeys(named)))
    return tuple(kept), [f"The caption still names what is left out ({words}). Change it in the file."] if named else []


def most_at_once(layout: Layout) -> int:
    """The most instances that act in the same step: what needs a slot of the weights each."""
    acting = [instance for instance in layout.instances if instance.visible and instance.strength != 0]
    return max((sum(one.start <= at.start < one.end for one in acting) for at in acting), default=0)


def main(arguments: Sequence[str]) -> None:
    text = Path(arguments[0]).read_text(encoding="utf-8-sig")
    asked = json.loads(arguments[1]) if len(arguments) > 1 else {}
    sys.stdout.write(json.dumps(answer(text, asked)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
