"""Boxes written as CSS, as LayoutGPT has its models write them: `cat {height: 30px; width: 20px; top: 5px; left: 10px; }`."""

import re
from collections.abc import Mapping
from typing import Any

from .json_pieces import CutObject

MAX_NAME, MAX_BLOCK = 200, 600  # characters of a selector, and of the declarations in its braces
CANVASES = ("canvas", "container", "body", "image", "picture", "scene", "page", "html", "root")
SIDES = ("left", "top", "width", "height", "right", "bottom")

_STYLED = re.compile(r"<(?P<head>[a-z]\w{0,20}\b[^<>]{0,900})>(?P<inner>[^<>]{0,200})", re.I)
_STYLE = re.compile(r"\bstyle\s{0,3}=\s{0,3}([\"'])([^\"'<>]{0,600})\1", re.I)
_CALLED = re.compile(r"\b(?:title|alt|aria-label|data-label|id|class)\s{0,3}=\s{0,3}[\"']([^\"'<>]{1,200})[\"']", re.I)
_VALUE = re.compile(r"-?\d{1,7}(?:\.\d{1,7})?\s{0,3}(?:px|%)?")


def find_css(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(document: width and height of the canvas where a block gives them, items with `prompt` and a `box` by the names of its sides).

    A block without a place is an item too, with its words alone, as long as it gives any side; a block of anything else is no item.
    """
    text = _STYLED.sub(_as_rule, text)
    document: dict[str, Any] = {}
    items: list[dict[str, Any]] = []
    behind = 0
    at = text.find("{")
    while at >= 0:
        end = text.find("}", at, at + MAX_BLOCK)
        name = _name(text[max(behind, at - MAX_NAME) : at])
        sides = _sides(text[at + 1 : end if end > 0 else at + MAX_BLOCK]) if name else {}
        if end < 0 and at + MAX_BLOCK >= len(text) and sides:
            items.append(CutObject(prompt=name))
            break
        sides = sides if end > 0 else {}
        if sides and name.lower() in CANVASES and not {"left", "top"} & sides.keys():
            document |= {key: _whole(value) for key, value in sides.items() if key in ("width", "height")}
        elif sides:
            place = {"left", "top", "width", "height"} <= sides.keys() or {
                "left",
                "top",
                "right",
                "bottom",
            } <= sides.keys()
            items.append({"prompt": name} | ({"box": sides} if place else {}))
        behind = end + 1 if end > 0 and sides else at + 1
        at = text.find("{", behind)
    return document, items if any("box" in item for item in items) else []


def _as_rule(match: re.Match[str]) -> str:
    """An element of HTML with a style as a rule: "a cat {left: 10px; ...}", by what stands in it, else by its name."""
    style, called = _STYLE.search(match["head"]), _CALLED.search(match["head"])
    name = " ".join(match["inner"].split()) or (called[1].replace("-", " ").replace("_", " ") if called else "")
    return f"\n{name} {{{style[2]}}}\n" if style and name else match[0]


def _name(before: str) -> str:
    """The selector before a brace, in words: ".red-car" is "red car"."""
    name = re.split(r"[\n;{}]|\*/", before)[-1].strip(" \t`*")
    if name[:1] in (".", "#"):
        name = name[1:].replace("-", " ").replace("_", " ")
    return " ".join(name.split()).strip("\"'")


def _sides(block: str) -> Mapping[str, str]:
    """left, top, width, height, right, bottom of a block whose every declaration is one; others may stand beside them."""
    found = {}
    for declaration in re.split(r"[;\n,]", block):
        key, colon, value = declaration.partition(":")
        key, value = key.strip(" \t\"'").lower(), value.strip(" \t\"'")
        if colon and key in SIDES and _VALUE.fullmatch(value):
            found[key] = value
    return found


def _whole(value: str) -> str:
    return value.removesuffix("px").strip()
