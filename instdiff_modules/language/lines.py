"""Answers without JSON: lines of a name and four numbers, YAML of that kind, tables. Also the names that fields go by."""

import re
from collections.abc import Mapping
from typing import Any

BOX_KEYS = ("box", "bbox", "bounding_box", "boundingbox", "box_2d", "bbox_2d", "bounding box", "xyxy", "xywh", "yxyx", "bbox_xyxy", "bbox_xywh", "box_xyxy",
            "box_xywh", "bbox_normalized", "coordinates", "coords", "rect", "rectangle", "region", "position", "location", "area")  # fmt: skip
PROMPT_KEYS = ("prompt", "caption", "description", "desc", "phrase", "label", "name", "object", "entity", "text", "class", "category", "category_name",
               "title", "type")  # fmt: skip
MAX_LINES = 2000
MAX_WIDTH = 600  # characters of a line that are looked at

_NUMBER = r"[+-]?\d*\.?\d+\s*(?:px|%)?"
_NAME = r"(?P<name>[^\[\]()\n{}|:=]{1,300}?)[ \t]*[:=\-–—|]+>?[*_]*[ \t]*"
_LINE = re.compile(
    rf"^[ \t>*+\-•]*(?:\d{{1,3}}[.)][ \t]*)?{_NAME}[\[(](?P<box>{_NUMBER}(?:\s*,\s*{_NUMBER}){{3}})[\])]"
)
_FIELD = re.compile(
    r"^[ \t>*+\-•]*(?:\d{1,3}[.)][ \t]*)?(?P<key>[A-Za-z_ ]{1,30})[*_]*[ \t]*:[*_]*[ \t]*(?P<value>\S.*)$"
)
_MARKS = " *_`\"'“”,"


def line_items(text: str) -> list[Mapping[str, Any]]:
    """Lines such as "1. **a red fox**: [0.1, 0.2, 0.5, 0.9]", or YAML's "- prompt: a red fox" above "box: [0.1, 0.2, 0.5, 0.9]"."""
    found, prompt = [], ""
    for line in text.splitlines()[:MAX_LINES]:
        match = _LINE.match(line[:MAX_WIDTH])
        name = match["name"].strip(_MARKS) if match else ""
        if match and name.lower() not in BOX_KEYS:
            found.append({"prompt": name, "box": match["box"]})
        elif match and prompt:
            found.append({"prompt": prompt, "box": match["box"]})
            prompt = ""  # the next box needs a name of its own
        elif (field := _FIELD.match(line[:MAX_WIDTH])) and field["key"].strip(_MARKS).lower() in PROMPT_KEYS:
            prompt = field["value"].strip(_MARKS)
    return found if all(item["prompt"] for item in found) else []


def table_items(text: str) -> list[Mapping[str, Any]]:
    """Rows of a Markdown table, each by the names in its head; [] if there is no table."""
    head: list[str] = []
    found = []
    for line in text.splitlines()[:MAX_LINES]:
        cells = (
            [cell.strip(_MARKS) for cell in line[:MAX_WIDTH].strip().strip("|").split("|")]
            if "|" in line[:MAX_WIDTH]
            else []
        )
        if len(cells) < 2:
            head = []
        elif not head:
            head = cells
        elif len(cells) == len(head) and not set(line) <= set("|-: \t"):
            found.append({name.lower(): cell for name, cell in zip(head, cells, strict=True)})
    return found
