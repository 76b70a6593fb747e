"""What quickstart asks of a layout file before it starts ComfyUI, with the Python that has our requirements:

    python -m instdiff_modules.importers.first FILE [N]

One line of JSON: {"most": instances that act at the same time in a frame, "text": the layout with the first N alone, if N is
given}, or {"problem": why the file is no layout}.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..layout.instance import Layout
from ..layout.parts import without
from .frames import frames_to_json, read_frames


def answer(text: str, first: int | None = None) -> dict[str, Any]:
    """text: a layout of any kind that Instances from JSON reads."""
    try:
        frames = read_frames(text)
    except ValueError as error:
        return {"problem": str(error)}
    if first is not None:
        frames = tuple(first_instances(layout, first) for layout in frames)
    most = max(most_at_once(layout) for layout in frames)
    return {"most": most, "text": None if first is None else frames_to_json(frames)}


def first_instances(layout: Layout, number: int) -> Layout:
    """The layout with its first `number` visible instances, and no others."""
    shown = [i for i, instance in enumerate(layout.instances) if instance.visible]
    return replace(layout, instances=without(layout.instances, {*range(len(layout.instances))} - {*shown[:number]}))


def most_at_once(layout: Layout) -> int:
    """The most instances that act in the same step: what needs a slot of the weights each."""
    acting = [instance for instance in layout.instances if instance.visible and instance.strength != 0]
    return max((sum(one.start <= at.start < one.end for one in acting) for at in acting), default=0)


def main(arguments: Sequence[str]) -> None:
    text = Path(arguments[0]).read_text(encoding="utf-8-sig")
    sys.stdout.write(json.dumps(answer(text, int(arguments[1]) if len(arguments) > 1 else None)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
