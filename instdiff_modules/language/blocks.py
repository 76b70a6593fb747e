"""Objects as lines of a field and its value: YAML, headings with a list of properties below, the elements of XML."""

import re
from collections.abc import Mapping
from typing import Any

from .boxes import is_placed, words_of
from .lines import MARKS, MAX_WIDTH, PROMPT_KEYS

_ELEMENT = re.compile(r"<([A-Za-z_]\w{0,30})>([^<>\n]{0,300})</\1>")
_FIELD = re.compile(
    r"[ \t]{0,40}([-*•] )?[ \t*\"']{0,9}([A-Za-z][\w ]{0,30}?)[ \t*\"']{0,9}:[ \t*]{0,9}([^\n]{0,300})$"
)
_HEADING = re.compile(
    r"[ \t]{0,40}(?:\d{1,3}[.)][ \t]{1,3})?(?:\*\*([^*\n]{1,100})\*\*|#{1,6}[ \t]{1,3}([^\n]{1,100}?)):?[ \t]{0,9}$"
)
_LISTS = (
    "objects",
    "instances",
    "elements",
    "items",
    "layout",
    "boxes",
    "characters",
    "regions",
    "annotations",
    "entities",
)  # whose objects follow
_CENTRES = ("center", "centre")


def block_items(text: str) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """(what stands above the list, the objects that have words and a place).

    A new object begins with other words, or with a dash where the one before is complete.
    """
    document: dict[str, Any] = {}
    found: list[dict[str, Any]] = [{}]
    within = ""
    for whole in _ELEMENT.sub(r"\n\1: \2\n", text).splitlines():
        line = whole[:MAX_WIDTH]
        if heading := _HEADING.match(line):
            found.append({"prompt": (heading[1] or heading[2]).strip(MARKS + ":")})
            continue
        match = _FIELD.match(line)
        if not match:
            continue
        key, value = match[2].lower(), match[3].strip(MARKS)
        if not value:
            within = key
            if key in _LISTS and len(found) == 1 and not _is_whole(found[0]):
                document, found = found[0], [{}]
            continue
        key = f"c{key}" if within in _CENTRES and key in ("x", "y") else key
        if (key in PROMPT_KEYS and words_of(found[-1]) and words_of({key: value})) or (
            match[1] and _is_whole(found[-1])
        ):
            found.append({})
        found[-1][key] = value
        within = "" if match[1] else within
    return document, [item for item in found if _is_whole(item)]


def _is_whole(item: Mapping[str, Any]) -> bool:
    return bool(words_of(item)) and is_placed(item)
