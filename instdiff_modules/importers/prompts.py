"""Prompts for instances that came without words: one a line, in the order of the instances."""

import re
from dataclasses import replace

from ..layout import fields
from ..layout.instance import Frames, Instance, Layout


def prompt_lines(frames: Frames, lines: str, where: str, count: int = 0) -> Frames:
    """Line i is for instance i of every frame; an empty line leaves its words, and a single line is for all instances.

    count: items that were given, of which odd ones were left out: the lines count them too. ValueError if there are more lines than
    the fullest frame was given (none at all is a result, and takes any lines).
    """
    text = fields.text("" if lines is None else lines, where, "prompts").rstrip()
    if not text:
        return frames
    words = [line.strip() for line in text.splitlines()]
    most = max(count, *(len(layout.instances) for layout in frames))
    if len(words) > most > 0 and len(words) > 1:
        raise ValueError(
            f"{where}: there are {len(words)} lines of prompts for {most} instances. Give one line for each, or a single one for all."
        )
    return tuple(_prompted(layout, words) for layout in frames)


def _prompted(layout: Layout, words: list[str]) -> Layout:
    instances = tuple(
        replace(instance, prompt=_line(words, _position(instance, i)) or instance.prompt)
        for i, instance in enumerate(layout.instances)
    )
    return replace(layout, instances=instances)


def _line(words: list[str], position: int) -> str:
    return words[0] if len(words) == 1 else words[position] if position < len(words) else ""


def _position(instance: Instance, position: int) -> int:
    """Its place in what was given, which an id such as i3 holds: instances before it may have been left out."""
    given = re.fullmatch(r"i([1-9]\d{0,5})", instance.id)
    return int(given[1]) - 1 if given else position
