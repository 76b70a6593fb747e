"""A layout for the demo's model: the caption and the canvas that it needs, and what it does not know. Standard library only."""

from __future__ import annotations

import json
from typing import Any

from ..commands.names import shown
from ..layout.json_text import load_json
from ..shapeworld.canvases import FORMS, SHORTER, drawn_at, in_form
from ..shapeworld.known_words import WORDS, background_of, caption_of, names_background, unknown_words

REAL_WEIGHTS = "For other things put real weights in place (see README.md) and give --workflow."
MOST_NAMED = 8  # unknown words
MOST_BYTES = 2**28


def for_the_demo(text: str) -> tuple[str, list[str]]:
    """text: a document of ours, or a list of them, a frame each -> (the same with caption and canvas, sentences for the user)."""
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
    width, height = frames[0].get("width"), frames[0].get("height")
    if not (width or height or any("mask" in instance for instance in frames[0]["instances"])):  # masks have a size too
        frames = [{**frame, "width": SHORTER, "height": SHORTER} for frame in frames]
        notes.append(f"The layout does not state its canvas; {SHORTER}x{SHORTER} is drawn.")
    elif width and height and not in_form(width, height):
        notes.append(
            f"The demo's model was made for canvases from {FORMS}; on {width}x{height} objects miss their places."
        )
    elif width and height and drawn_at(width, height) != (width, height):
        drawn = "{}x{}".format(*drawn_at(width, height))
        notes.append(f"The demo's model draws a canvas of {width}x{height} at {drawn}.")
    unknown = unknown_words(text for frame in frames for text in (frame["prompt"], *prompts_of(frame)))
    if unknown:
        words = ", ".join(shown(word, 30) for word in unknown[:MOST_NAMED])
        more = f" and {len(unknown) - MOST_NAMED} more words" if len(unknown) > MOST_NAMED else ""
        notes.append(f"The demo's model does not know: {words}{more}. It knows {WORDS}. {REAL_WEIGHTS}")
    return json.dumps(frames if isinstance(value, list) else frames[0]), notes


def prompts_of(frame: dict[str, Any]) -> list[str]:
    return [instance["prompt"] for instance in frame["instances"] if instance["visible"]]
