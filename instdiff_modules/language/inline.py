"""Boxes in running text, each behind the words that it belongs to: "a man [[100,200,300,400]] holds a cup [[...]]".

Two forms fix their units: double brackets of whole numbers up to three digits are CogVLM's, InternVL's and GLM-V's thousandths, and decimals of
0..1 right behind a phrase are Shikra's fractions. Any other four numbers (Ferret's, for one) say where, but not in which units.
"""

import re
from typing import Any, NamedTuple

from ..layout.units import FRACTIONS
from .coordinates import XYXY
from .lines import BOX_KEYS
from .tagged import Kind, Tagged

COGVLM = Kind("CogVLM, InternVL and GLM-V", 1000)
SHIKRA = Kind("Shikra", 1, units=FRACTIONS, fixed=True)

_LIST = re.compile(
    r"(?P<open>\[\[?)\s{0,4}(?P<body>\d{1,7}(?:\.\d{1,7})?(?:\s{0,4}(?:\]\s{0,4})?[,;]\s{0,4}(?:\[\s{0,4})?\d{1,7}(?:\.\d{1,7})?){3,39})\s{0,4}\]\]?"
)
_PAIR = r"[01]?\.\d{1,7}\s{0,4},\s{0,4}[01]?\.\d{1,7}"
_WHOLE = r"\s{0,4}\d{1,7}(?:\.\d{1,7})?\s{0,4}"
_CORNERS = re.compile(
    rf"(?P<open>\()(?P<body>{_WHOLE},{_WHOLE}\)\s{{0,4}}(?:,|to|-|–|→)?\s{{0,4}}\({_WHOLE},{_WHOLE})\)"
)
_JOINTS = " :=-–—>*_`\"'("
_FINE = re.compile(r"\.\d{3}")
_POINTS = re.compile(rf"\[\s{{0,4}}(?P<body>{_PAIR}(?:\s{{0,4}};\s{{0,4}}{_PAIR}){{0,19}})\s{{0,4}}\]")
_WORDS_END = re.compile(r"[\n.,;:!?()\[\]{}<>|\"]")
_ARTICLE = re.compile(r"\b(?:an?|the|one|two|three|four|his|her|their|its|another|some)\b(?!\s{0,3}$)", re.I)
_LINK = re.compile(
    r"(?:\s(?:at|in|is|are|here|located|box|with|to|from|as|near|around|bounded|by|of|coordinates|position|placed)){1,8}$",
    re.I,
)
_NO_THING = re.compile(
    r"(?:(?:the|a) )?(?:value )?ranges?|bounding(?: box)?|(?:.{1,160} )?(?:intervals?|matrix|vectors?|tensors?)", re.I
)
_GLM = "<|begin_of_box|>"


class Inline(NamedTuple):
    """tagged: boxes whose form fixes their units. items: those of no known form, with the keys prompt and box.

    order: of the items, where each box stands right behind its phrase: all models that write so mean these corners.
    """

    tagged: list[Tagged]
    items: list[dict[str, Any]]
    order: str | None


def find_inline(text: str) -> Inline:
    """All boxes behind words; those without any words before them are not taken."""
    tagged: list[Tagged] = []
    items: list[dict[str, Any]] = []
    any_linked = False
    for match in sorted([*_LIST.finditer(text), *_CORNERS.finditer(text)], key=lambda m: m.start()):
        before = text[max(0, match.start() - 160) : match.start()].rstrip()
        glm = before.endswith(_GLM)
        before = before.removesuffix(_GLM)
        if before.rstrip().endswith(">"):
            continue  # of a tag
        if _POINTS.fullmatch(match[0]):
            continue  # pairs, not fours
        words, linked = _phrase(before)
        body = match["body"]
        numbers = [float(v) for v in re.findall(r"\d{1,7}(?:\.\d{1,7})?", body)]
        if not words or len(numbers) % 4 or _is_no_thing(words):
            continue
        fours = [tuple(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]
        whole = "." not in body
        if whole and (match["open"] == "[[" or glm) and max(numbers) <= 1000:
            tagged += [Tagged(words, four, COGVLM, match.start()) for four in fours]
        elif not linked and max(numbers) <= 1 and body.count(".") == len(numbers):
            tagged += [Tagged(words, four, SHIKRA, match.start()) for four in fours]
        else:
            items += [{"prompt": words, "box": list(four)} for four in fours]
            any_linked = any_linked or linked
    return Inline(sorted([*tagged, *_points(text)], key=lambda t: t.at), items, None if any_linked else XYXY)


def _points(text: str) -> list[Tagged]:
    """Shikra's points: "the cat[0.250,0.400]"."""
    found = []
    for match in _POINTS.finditer(text):
        words, linked = _phrase(text[max(0, match.start() - 160) : match.start()].rstrip())
        numbers = [float(v) for v in re.findall(r"\d?\.\d{1,7}", match["body"])]
        fine = len(_FINE.findall(match["body"])) == len(
            numbers
        )  # Shikra has three digits; [0.0, 1.0] in prose is a range
        if words and fine and not linked and max(numbers) <= 1 and not _is_no_thing(words):
            found += [
                Tagged(words, tuple(numbers[i : i + 2]), SHIKRA, match.start()) for i in range(0, len(numbers), 2)
            ]
    return found


def _is_no_thing(words: str) -> bool:
    """Whether the numbers behind the words are a box's field, or no place at all: "the range [0.000, 1.000]"."""
    return words.lower() in BOX_KEYS or not any(map(str.isalpha, words)) or _NO_THING.fullmatch(words) is not None


def _phrase(before: str) -> tuple[str, bool]:
    """(the noun phrase at the end of a text, whether words such as "is at" or a colon stand between it and the box)."""
    bare = _LINK.sub("", before.rstrip(_JOINTS)).rstrip(_JOINTS)  # "a cat: from"
    linked = bare != before.rstrip(" ")
    line = _WORDS_END.split(bare)[-1].strip()
    short = _LINK.sub("", line)
    linked = linked or short != line
    articles = list(_ARTICLE.finditer(short))
    words = short[articles[-1].start() :] if articles else " ".join(short.split()[-6:])
    return " ".join(words.split()).strip(" *_`'"), linked
