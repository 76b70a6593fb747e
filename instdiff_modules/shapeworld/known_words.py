"""What the demo model makes of prompts: the words that it does not know, and a caption for layouts without one."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from .vocabulary import COLOR_NAMES, SHAPES, TEXTURES

CHOICE = "demo model (built in)"  # its name in the menu of Load Checkpoint and InstDiff
_BETWEEN = ("a", "and", "on", "background", "in", "the", "far", "top", "upper", "middle", "lower", "bottom", "left", "center", "right")  # fmt: skip
_HARMLESS = ("plain", "an", "with", "of", "at", "is", "are")  # not known, and nothing is lost with them
KNOWN = frozenset((*SHAPES, *COLOR_NAMES, *TEXTURES, *_BETWEEN, *_HARMLESS))
WORDS = f"{', '.join(SHAPES)}; {', '.join(COLOR_NAMES)}; {', '.join(TEXTURES[1:])}"


def unknown_words(texts: Iterable[str]) -> list[str]:
    """Each word once, in lower case, in the order of the texts."""
    found = (word for text in texts for word in re.findall(r"[^\W_]+", text.lower()))
    return list(dict.fromkeys(word for word in found if word not in KNOWN))


def names_background(caption: str) -> bool:
    """Whether a caption says the colour behind the objects, as the model was taught: "... on a green background"."""
    words = re.findall(r"[^\W_]+", caption.lower())
    return any(color in COLOR_NAMES and next_word == "background" for color, next_word in pairwise(words))


def background_of(phrases: Iterable[str]) -> str:
    """A colour that none of the objects has: white, if it is free."""
    used = {word for phrase in phrases for word in phrase.lower().split()}
    return next((color for color in ("white", *COLOR_NAMES) if color not in used), "white")


def caption_of(phrases: Sequence[str]) -> str:
    """ "a red star, a blue ring and a heart on a white background", as the model was taught; empty for none."""
    if not phrases:
        return ""
    joined = phrases[0] if len(phrases) == 1 else " and ".join((", ".join(phrases[:-1]), phrases[-1]))
    return f"{joined} on a {background_of(phrases)} background"
