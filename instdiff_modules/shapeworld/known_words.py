"""What the demo model makes of prompts: the words that it does not know, and a caption for layouts without one."""

import re
from collections.abc import Iterable, Sequence

from .vocabulary import COLOR_NAMES, SHAPES, TEXTURES

CHOICE = "demo model (built in)"  # its name in the menu of Load Checkpoint and InstDiff
SIZE = 256  # pixels of either side: the canvas that the model was trained on
_BETWEEN = ("a", "and", "on", "background", "in", "the", "far", "top", "upper", "middle", "lower", "bottom", "left", "center", "right")  # fmt: skip
_HARMLESS = ("plain", "an", "with", "of", "at", "is", "are")  # not known, and nothing is lost with them
KNOWN = frozenset((*SHAPES, *COLOR_NAMES, *TEXTURES, *_BETWEEN, *_HARMLESS))
WORDS = f"{', '.join(SHAPES)}; {', '.join(COLOR_NAMES)}; {', '.join(TEXTURES[1:])}"


def unknown_words(texts: Iterable[str]) -> list[str]:
    """Each word once, in lower case, in the order of the texts."""
    found = (word for text in texts for word in re.findall(r"[^\W_]+", text.lower()))
    return list(dict.fromkeys(word for word in found if word not in KNOWN))


def caption_of(phrases: Sequence[str]) -> str:
    """ "a red star, a blue ring and a white heart", as the model was taught; empty for none."""
    return phrases[0] if len(phrases) == 1 else " and ".join(filter(None, (", ".join(phrases[:-1]), *phrases[-1:])))
