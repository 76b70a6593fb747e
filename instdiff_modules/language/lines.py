"""Answers without JSON: lines of a name and four numbers, YAML of that kind. Also the names that fields go by."""

import re
from collections.abc import Mapping
from typing import Any

from .coordinates import names_sides

BOX_KEYS = ("box", "bbox", "bounding_box", "boundingbox", "box_2d", "bbox_2d", "bounding box", "xyxy", "xywh", "yxyx", "bbox_xyxy", "bbox_xywh", "box_xyxy",
            "box_xywh", "bbox_normalized", "coordinates", "coords", "rect", "rectangle", "region", "position", "location", "area",
            "bounds", "bndbox", "box2d", "placement", "box_coordinates", "bbox_coordinates")  # fmt: skip
PROMPT_KEYS = ("prompt", "caption", "description", "desc", "phrase", "label", "name", "object", "entity", "text", "class", "category", "category_name",
               "class_name", "object_name", "entity_name", "text_prompt", "local_prompt", "regional_prompt", "object_description",
               "subject", "character", "item", "title", "type")  # fmt: skip
MAX_WIDTH = 600  # characters of a line that are looked at
MAX_NAME = 300

_NUMBER = r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})\s{0,3}(?:px|%)?"
_BOX = re.compile(rf"[\[(](?P<box>\s{{0,3}}{_NUMBER}(?:\s{{0,3}},\s{{0,3}}{_NUMBER}){{3}})\s{{0,3}}[\])]")
_ENTRY = re.compile(rf"[ \t]{{0,40}}-[ \t]{{1,9}}({_NUMBER})[ \t]{{0,40}}$")  # of YAML: a line for each number
_BOX_FIELD = re.compile(
    r"(?<![\w-])(?:bounding[ _]?box|bbox|box|coordinates|location|position)[ \t*_`]{0,9}[:=]?[ \t*_`]{0,9}$", re.I
)
_COUNTER = re.compile(r"\d{1,3}[.)]\s")
_BULLETS = " \t>*+-•"
_JOINTS = ":=-–—|>→"  # what stands between a name and its box
MARKS = " *_`\"'“”,"


def line_items(text: str) -> list[Mapping[str, Any]]:
    """Lines such as "1. **a red fox**: [0.1, 0.2, 0.5, 0.9]", or YAML's "- prompt: a red fox" above "box: [0.1, 0.2, 0.5, 0.9]"."""
    found, prompt = [], ""
    for whole in _with_blocks_in_line(text.splitlines()):
        line = _bare(whole[:MAX_WIDTH])
        behind = 0
        for match in _BOX.finditer(line):
            before = line[behind : match.start()].lstrip(" \t,;")
            name = _name(before)
            if (field := _BOX_FIELD.search(before)) and field.start():
                name = _first_name(before[: field.start()])
            behind = match.end()
            if (
                name is None
                and match[0][0] == "("
                and line.strip(" .;") == f"{line[: match.start()]}{match[0]}".strip()
            ):
                name = _bare_name(line[: match.start()])
            if name and name.lower() not in BOX_KEYS:
                found.append({"prompt": name, "box": match["box"]})
            elif name is not None and prompt:
                found.append({"prompt": prompt, "box": match["box"]})
                prompt = ""  # the next box needs a name of its own
        key, colon, value = line.partition(":")
        if not behind and not colon and _is_title(whole, line):
            prompt = line.strip(MARKS)
        if not behind and colon and key.strip(MARKS).lower() not in (*BOX_KEYS, *PROMPT_KEYS) and names_sides(value):
            found.append({"prompt": key.strip(MARKS), "box": value.strip(MARKS + ".;")})
        if not behind and colon and key.strip(MARKS).lower() in PROMPT_KEYS and value.strip(MARKS):
            prompt = value.strip(MARKS)
    return found


def _with_blocks_in_line(lines: list[str]) -> list[str]:
    """YAML's "box:" above four lines "- 0.1" as "box: [0.1, ...]"; all other lines as they are."""
    out, at = [], 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.rstrip().endswith(":") and _bare(line[:MAX_WIDTH]).strip(MARKS + ":").lower() in BOX_KEYS:
            entries = [_ENTRY.match(entry[:MAX_WIDTH]) for entry in lines[at : at + 5]]
            if len(entries) >= 4 and all(entries[:4]) and not (len(entries) == 5 and entries[4]):
                line = f"{line.rstrip()} [{', '.join(entry[1] for entry in entries[:4] if entry)}]"
                at += 4
        out.append(line)
    return out


def count_boxes(text: str) -> int:
    """How many times four numbers stand in brackets."""
    return sum(1 for _ in _BOX.finditer(text))


def _bare(line: str) -> str:
    """A line without the marks of a list before it."""
    line = line.lstrip(_BULLETS)
    counter = _COUNTER.match(line)
    return line[counter.end() :].lstrip(_BULLETS) if counter else line


def _bare_name(before: str) -> str | None:
    """The name that fills a line together with the box behind it: "a red fox (0.1, 0.2, 0.5, 0.9)"."""
    name = before.strip(MARKS)
    if name.lower().endswith((" at", " in", " is", " of", " by", " to", " with", " box")):
        return None  # a sentence
    return name if 0 < len(name) <= 60 and not any(c in "[](){}|:=,;<>" for c in name) else None


def _is_title(whole: str, line: str) -> bool:
    """Whether an entry of a list is a name alone, whose box stands in the lines below."""
    marked = whole.lstrip()[:1] in ("-", "*", "•", "+") or line != whole[:MAX_WIDTH].lstrip()
    return marked and 0 < len(line.strip(MARKS)) <= 100 and not any(c in "[](){}|=<>" for c in line)


def _first_name(before: str) -> str | None:
    """The name that begins a line, before what it says of it: "**Cat**: a cute cat. Bounding box: [...]"."""
    name = before.partition(":")[0].strip(MARKS + " -–—.,;(")
    return name if 0 < len(name) <= MAX_NAME and not any(c in "[](){}|=" for c in name) else None


def _name(before: str) -> str | None:
    """The name that a colon or a dash joins to a box; None if nothing joins them, or the text before is more than a name."""
    bare = before.rstrip(" \t*_")
    joined = bare[-1:] != "" and bare[-1] in _JOINTS
    name = bare.rstrip(_JOINTS + " \t*_").strip(MARKS)
    return name if joined and len(name) <= MAX_NAME and not any(c in "[](){}|:=" for c in name) else None
