"""The words in a prompt of prompt-control: without what loads LoRAs, breaks the text into chunks, or changes it during the sampling.

An instance has one prompt for all steps, so of a schedule `[before:after:0.5]` the first words stay. Everything that goes is named in a warning.
"""

import logging
import re
from collections.abc import Callable

from ..layout.fields import shorten

logger = logging.getLogger(__name__)

_LORA = re.compile(r"<(?:lora|lyco|loha|hypernet|cut):[^<>\n]{0,400}>", re.I)
_EMBEDDING = re.compile(r"<emb:([^<>\n]{1,200})>")
_BREAK = re.compile(r"\bBREAK\b")
_CALL = re.compile(
    r"\b(?:STYLE|SDXL|TE|TE_WEIGHT|SHUFFLE|SHIFT|NOISE|AVG|NOSTRIP|DEF|CUT|ATTN|CLIP_[A-Z]{1,9})\s{0,9}\([^()]{0,2000}\)"
)
_WHEN = re.compile(r"\s{0,9}(?:\d{0,6}(?:\.\d{0,9})?(?:\s{0,9},\s{0,9}\d{0,6}(?:\.\d{0,9})?)?|[A-Z_]{1,40})\s{0,9}")
MAX_DEPTH = 32


def plain_prompt(text: str, where: str) -> str:
    """The text with words, weights, AND, COUPLE and masks only. Time grows with its length and no faster."""
    taken: dict[str, list[str]] = {}

    def take(kind: str, piece: str) -> str:
        taken.setdefault(kind, []).append(piece)
        return " "

    text = _LORA.sub(lambda match: take("LoRAs", match[0]), text)
    text = _EMBEDDING.sub(r"embedding:\1", text)
    text = _without_schedules(text, lambda piece: take("schedules, but for their first words", piece))
    text = _CALL.sub(lambda match: take("functions", match[0]), text)
    text = _BREAK.sub(lambda match: take("BREAK", match[0]), text)
    for kind, pieces in taken.items():
        shown = ", ".join(shorten(piece, 40)[1:-1] for piece in dict.fromkeys(pieces[:3]))
        logger.warning("%s: %s (%s) cannot be kept and were left out.", where, kind, shown)
    return text


def _without_schedules(text: str, take: Callable[[str], object]) -> str:
    """Each `[a:b:0.5]`, `[a|b]`, `[SEQ:..]` or `[CUT:..]` by its first words, the inner ones first. Other brackets stay."""
    open_: list[tuple[int, list[str], list[str]]] = []  # where it opened, its fields so far, the pieces of the last one
    out: list[str] = []
    at = 0
    for match in re.finditer(r"\\.|[\[\]:|]", text):
        sign = match[0]
        pieces = open_[-1][2] if open_ else out
        pieces.append(text[at : match.start()])
        at = match.end()
        if sign == "[" and len(open_) < MAX_DEPTH:
            open_.append((match.start(), [], []))
        elif sign in (":", "|") and open_:
            start, fields, pieces = open_[-1]
            fields.append("".join(pieces) + sign)
            open_[-1] = (start, fields, [])
        elif sign == "]" and open_:
            start, fields, pieces = open_.pop()
            fields.append("".join(pieces))
            words = _first_words(fields)
            if words is None:
                words = "[" + "".join(fields) + "]"
            else:
                take(text[start : min(match.end(), start + 60)])
            (open_[-1][2] if open_ else out).append(words)
        else:
            pieces.append(sign)
    for _, fields, pieces in open_:  # never closed: text as it stands
        out += ["[", *fields, *pieces]
    out.append(text[at:])
    return "".join(out)


def _first_words(fields: list[str]) -> str | None:
    """Of the fields of a bracket, each but the last with its sign behind it; None if it is no schedule."""
    if len(fields) < 2:
        return None
    options = [field[:-1] for field in fields[:-1]]
    if any(field.endswith("|") for field in fields[:-1]):
        return next((option for option in [*options, fields[-1]] if option.strip()), "")
    if options[0].strip() in ("SEQ", "CUT"):
        return options[1] if len(options) > 1 else fields[-1]
    if not _WHEN.fullmatch(fields[-1]):
        return None
    return next((option for option in options if option.strip()), "")
