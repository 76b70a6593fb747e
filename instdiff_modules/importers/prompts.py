"""Prompts for instances that came without words: one a line, in the order of the instances."""

from dataclasses import replace

from ..layout import fields
from ..layout.instance import Frames, Layout


def prompt_lines(frames: Frames, lines: str, where: str) -> Frames:
    """Line i is for instance i of every frame; an empty line leaves its words, and a single line is for all instances.

    ValueError if there are more lines than the fullest frame has instances (none at all is a result, and takes any lines).
    """
    text = fields.text("" if lines is None else lines, where, "prompts").rstrip()
    if not text:
        return frames
    words = [line.strip() for line in text.splitlines()]
    most = max(len(layout.instances) for layout in frames)
    if len(words) > most > 0 and len(words) > 1:
        raise ValueError(
            f"{where}: there are {len(words)} lines of prompts for {most} instances. Give one line for each, or a single one for all."
        )
    return tuple(_prompted(layout, words) for layout in frames)


def _prompted(layout: Layout, words: list[str]) -> Layout:
    instances = tuple(
        replace(
            instance, prompt=(words[0] if len(words) == 1 else words[i] if i < len(words) else "") or instance.prompt
        )
        for i, instance in enumerate(layout.instances)
    )
    return replace(layout, instances=instances)
