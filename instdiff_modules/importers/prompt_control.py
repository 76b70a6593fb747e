"""Regions in the syntax of prompt-control: `a meadow COUPLE MASK(0.1 0.5, 0.2 0.9) a red fox`.

Parts stand between AND or COUPLE. A part with MASK or AREA (x0 x1, y0 y1, weight) is an instance, the others are the caption. Numbers up
to 1 are fractions, larger ones pixels of MASK_SIZE (512x512 if it is not given), as there. What is no words for a CLIP (BREAK, LoRAs, schedules,
functions of the text encoding) is left out with a warning: prompt_words.py.
"""

import re
from collections.abc import Sequence

from ..layout import fields
from ..layout.document import MAX_INSTANCES
from ..layout.instance import Box, Instance, Layout
from .odd_items import keep_good
from .prompt_words import plain_prompt

SIDE = 512  # pixels, prompt-control's own default
WHERE = "The prompt-control text"
PARTS = re.compile(r"\b(AND|COUPLE)\b")
CALLS = re.compile(r"\b(MASK_SIZE|MASKW|IMASK|MASK|AREA|FEATHER|FILL)\s*\(([^()]*)\)")
LOCATIONS = ("MASK", "AREA", "IMASK")
WEIGHT = re.compile(r"-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})")
OWN_WORDS = re.compile(r"\b(AND|COUPLE|BREAK)\b|\b(MASK_SIZE|MASKW|IMASK|MASK|AREA|FEATHER|FILL)\s*\(|<lora:|[\[\]]")
MAX_TEXT = 2**20


def is_prompt_control(text: str) -> bool:
    """Whether a text that is not valid JSON calls a region."""
    return text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "[") and bool(
        re.search(r"\b(MASK|AREA|IMASK|COUPLE)\s*\(", text)
    )


def read_prompt_control(text: str) -> Layout:
    """-> a layout without canvas, or that of MASK_SIZE. The weight of a region is the instance's strength.

    Masks that the text only names (IMASK), several masks in one part, and numbers that make no region cost their part, with a warning.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"{WHERE} has {len(text)} characters, at most {MAX_TEXT} are read.")
    text = plain_prompt(text, WHERE)
    size = _mask_size(text)
    parts = re.sub(r"\bCOUPLE\s*\(", "COUPLE MASK(", text)
    pieces = [piece for piece in PARTS.split(parts) if piece not in ("AND", "COUPLE")]
    caption: list[str] = []
    placed: list[tuple[list[tuple[str, str]], str, float | None]] = []
    for piece in pieces:
        calls = [(name, arguments) for name, arguments in CALLS.findall(piece) if name in LOCATIONS]
        words, weight = _weighted(" ".join(CALLS.sub(" ", piece).split()))
        if calls:
            placed.append((calls, words, weight))
        elif words:
            caption.append(words)
    if len(placed) > MAX_INSTANCES:
        raise ValueError(f"{WHERE} has {len(placed)} regions, at most {MAX_INSTANCES} are read.")
    instances = keep_good(placed, lambda part, i: _part(*part, i, size))
    given = size if "MASK_SIZE" in text else (None, None)
    return Layout(tuple(instances), *given, prompt=" ".join(caption))


def _part(
    calls: Sequence[tuple[str, str]], words: str, weight: float | None, position: int, size: tuple[int, int]
) -> Instance:
    where = f"{WHERE}'s region {position}"
    if any(name == "IMASK" for name, _ in calls):
        raise ValueError(
            f"{where} uses IMASK, a mask that is not in the text. Connect that mask to Instances from Masks."
        )
    if len(calls) > 1:
        raise ValueError(f"{where} puts {len(calls)} masks together. Only one MASK or AREA for each part is read.")
    box, strength = _region(calls[0][1], size, where)
    extra = {"prompt_control": {"weight": weight}} if weight is not None else {}
    return Instance(f"i{position}", words, box=box, strength=strength, extra=extra)


def write_prompt_control(layout: Layout, boxes: Sequence[Box], couple: bool) -> str:
    """The other way: parts joined by COUPLE (attention couple) or AND (masked conditioning).

    boxes: of each visible instance its extent x0, y0, x1, y1 in 0..1. ValueError for prompts that hold words of the syntax.
    """
    joint = " COUPLE " if couple else " AND "
    shown = [instance for instance in layout.instances if instance.visible]
    parts = [_words(layout.prompt, "The caption")] if layout.prompt.strip() or couple else []
    for i, (instance, (x0, y0, x1, y1)) in enumerate(zip(shown, boxes, strict=True), 1):
        region = f"MASK({_number(x0)} {_number(x1)}, {_number(y0)} {_number(y1)}, {_number(instance.strength)})"
        parts.append(f"{region} {_words(instance.prompt, f'Instance {i}')}")
    return joint.join(parts)


def _words(text: str, where: str) -> str:
    found = OWN_WORDS.search(text)
    if found:
        raise ValueError(
            f"{where}'s prompt holds {found[0]!r}, which prompt-control takes for its own syntax. Word it differently."
        )
    return " ".join(text.split())


def _weighted(words: str) -> tuple[str, float | None]:
    """(words, the weight behind a colon at their end)."""
    before, colon, last = words.rpartition(":")
    if colon and WEIGHT.fullmatch(last.strip()):
        return before.strip(), float(last)
    return words, None


def _number(value: float) -> str:
    return f"{round(value, 4):g}"


def _mask_size(text: str) -> tuple[int, int]:
    found = re.search(r"\bMASK_SIZE\s*\(([^()]*)\)", text)
    if not found:
        return SIDE, SIDE
    width, height = (fields.whole(v, WHERE, "MASK_SIZE") for v in _numbers(found[1].replace(",", " "), 2, "MASK_SIZE"))
    return width, height


def _region(arguments: str, size: tuple[int, int], where: str) -> tuple[Box, float]:
    """`x0 x1, y0 y1, weight, operation`, each of which may be left out -> box, weight."""
    given = [part.strip() for part in arguments.split(",")]
    spans = []
    for part, side in zip((*given[:2], "", "")[:2], size, strict=True):
        numbers = _numbers(part, 2, where) if part else []
        low, high = (*numbers, *(0.0, 1.0)[len(numbers) :])[:2]
        pixels = max(low, high) > 1
        if pixels and 0 < low < 1:
            raise ValueError(f"{where} mixes fractions and pixels in {part!r}. Write all of them as one or the other.")
        if pixels and len(numbers) == 1:
            raise ValueError(
                f"{where} gives one end of {part!r} in pixels and leaves the other, a fraction. Write both."
            )
        spans.append((low / side, high / side) if pixels else (low, high))
    (x0, x1), (y0, y1) = spans
    weight = _numbers(given[2], 1, where)[0] if len(given) > 2 and given[2] else 1.0
    return fields.box((x0, y0, x1, y1), where), fields.number_in(weight, 0, 2, where, "weight")


def _numbers(text: str, count: int, where: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise ValueError(
            f"{where}: {fields.shorten(text)} are not numbers. Expected for example MASK(0 0.5, 0.2 0.9, 1)."
        ) from error
    if not 1 <= len(numbers) <= count:
        raise ValueError(f"{where}: expected {count} numbers, got {fields.shorten(text)}.")
    return numbers
