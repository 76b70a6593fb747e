"""A layout for the demo's model: the caption and the canvas that it needs, and what it does not know. Standard library only."""

from __future__ import annotations

import json
from typing import Any

from ..commands.names import shown
from ..layout.json_text import load_json
from ..shapeworld.canvases import FORMS, SHORTER, drawn_at, in_form
from ..shapeworld.known_words import WORDS, background_of, caption_of, names_background, unknown_words
from .errors import Stopped
from .graph import has_shape

REAL_WEIGHTS = "For other things put real weights in place (see README.md) and give --workflow."
MOST_NAMED = 8  # unknown words
MOST_BYTES = 2**28


def for_the_demo(text: str) -> tuple[str, list[str]]:
    """text: a document of ours, or a list of them, a frame each -> (the same with caption and canvas, sentences for the user).

    Stopped for frames that one size of picture does not fit.
    """
    value = load_json(text, limit=MOST_BYTES)
    frames: list[dict[str, Any]] = value if isinstance(value, list) else [value]
    notes: list[str] = []
    caption = caption_of(prompts_of(frames[0]))
    if caption and not frames[0]["prompt"].strip():
        frames[0]["prompt"] = caption
        notes.append(f'The layout has no caption ("prompt"), so this one is used: {shown(caption, 120)!r}.')
    elif not names_background(frames[0]["prompt"]):
        notes.append(
            "The caption names no background, so the model chooses its colour. To choose it yourself, end the caption with "
            f"'on a {background_of(prompts_of(frames[0]))} background'."
        )
    known = [canvas_in(frame) for frame in frames]
    canvas = next(filter(None, known), None)
    width, height = canvas or (SHORTER, SHORTER)
    if canvas is None:
        notes.append(f"The layout does not state its canvas; {SHORTER}x{SHORTER} is drawn.")
    elif not in_form(width, height):
        notes.append(
            f"The demo's model was made for canvases from {FORMS}; on {width}x{height} objects miss their places."
        )
    elif drawn_at(width, height) != (width, height):
        drawn = "{}x{}".format(*drawn_at(width, height))
        notes.append(f"The demo's model draws a canvas of {width}x{height} at {drawn}.")
    sizes = [own or (width, height) for own in known]
    for number, own in enumerate(sizes, 1):
        if not has_shape(drawn_at(width, height), own):
            raise Stopped(
                f"Frame {number} of the layout has a canvas of {own[0]}x{own[1]}, but all frames are drawn at one size, here for {width}x{height}. "
                "What to do: give each of them a canvas of the same shape, or draw them one by one."
            )
    frames = [{**frame, "width": size[0], "height": size[1]} for frame, size in zip(frames, sizes, strict=True)]
    unknown = unknown_words(text for frame in frames for text in (frame["prompt"], *prompts_of(frame)))
    if unknown:
        words = ", ".join(shown(word, 30) for word in unknown[:MOST_NAMED])
        more = f" and {len(unknown) - MOST_NAMED} more words" if len(unknown) > MOST_NAMED else ""
        notes.append(f"The demo's model does not know: {words}{more}. It knows {WORDS}. {REAL_WEIGHTS}")
    return json.dumps(frames if isinstance(value, list) else frames[0]), notes


def canvas_in(frame: dict[str, Any]) -> tuple[int, int] | None:
    """(width, height) of a document of ours, as layout/frames.py has it: what it states, else that of its first mask."""
    if frame.get("width") and frame.get("height"):
        return frame["width"], frame["height"]
    masks = (instance["mask"]["size"] for instance in frame["instances"] if "mask" in instance)
    return next(((width, height) for height, width in masks), None)


def prompts_of(frame: dict[str, Any]) -> list[str]:
    return [instance["prompt"] for instance in frame["instances"] if instance["visible"]]
