"""JSON values with something odd in them, as files that were edited, cut or made by a strange program are."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from support.pack import ROOT

ODD = (
    None,
    0,
    -1,
    3,
    0.25,
    -5.5,
    1e300,
    "",
    "x",
    "0.5",
    [],
    {},
    [[]],
    [1, 2],
    [1, 2, 3, 4],
    {"x": 1},
    [None],
    16384,
    True,
)
MARKS = ("[", "]", "{", "}", ",", ":", chr(34), "\\", "\n", "\0", "NaN", "<", ">", "é", "\u2028", "-", "1e5", "1e999")
OTHER_NAMES = ("bbox", "box", "x", "width", "class", "score", "cx", "points", "type", "version", "instances", "boxes")


def kind_cases() -> list[dict[str, Any]]:
    """The cases of tests/data/kinds whose data are JSON."""
    files = sorted((ROOT / "tests" / "data" / "kinds").glob("*.json"))
    cases = [case for path in files for case in json.loads(path.read_text(encoding="utf-8"))["cases"]]
    return [case for case in cases if not isinstance(case["given"], str)]


def damaged_cases(count: int, seed: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON text, options) of cases with one to three things in them exchanged, left out, doubled, renamed or scaled."""
    chance, cases = random.Random(seed), kind_cases()
    for _ in range(count):
        case = chance.choice(cases)
        value = copy.deepcopy(case["given"])
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            _damage(value, chance)
        yield json.dumps(value), case["options"]


def _damage(value: Any, chance: random.Random) -> None:
    places = list(_places(value))
    if not places:
        return
    holder, key = chance.choice(places)
    kind = chance.randrange(6)
    if kind == 1:
        del holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == 3 and isinstance(holder, dict):
        holder[chance.choice(OTHER_NAMES)] = holder.pop(key)
    elif kind == 4 and isinstance(holder[key], (int, float)):
        holder[key] *= chance.choice((-1, 0.3, 100))
    elif kind == 5:
        holder[key] = [holder[key]]
    else:
        holder[key] = copy.deepcopy(chance.choice(ODD))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(list or object, index or name) of all that is inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def damaged_text(text: str, seed: int) -> str:
    """The text with one to four injuries: cut, doubled, another case, numbers and marks put in."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + 60)
        inside = chance.choice(
            (
                "",
                chance.choice(MARKS) * chance.choice((1, 1, 3, 400)),
                text[at:end] * chance.choice((2, 3, 30)),
                text[at:end].swapcase(),
                str(chance.choice(ODD)),
            )
        )
        text = text[:at] + inside + text[end:] if chance.random() < 0.9 else text[:at]
    return text
