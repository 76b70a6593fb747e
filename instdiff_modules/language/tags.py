"""Boxes and points in the tags of models that locate objects: each kind of tag fixes what its numbers are.

    <ref>..</ref><box>[[x0, y0, x1, y1]]</box>                    InternVL, Qwen-VL and MiniCPM-V, thousandths
    <|object_ref_start|>..<|box_start|>(x0,y0),(x1,y1)<|box_end|>  Qwen2-VL, thousandths; <|point_start|> likewise
    <|ref|>..<|/ref|><|det|>[[x0, y0, x1, y1]]<|/det|>            DeepSeek-VL2, 0..999
    <phrase>..</phrase><object><patch_index_0044>..</object>      Kosmos-2, cells of a grid of 32 x 32
    <p>..</p>{<x0><y0><x1><y1>}                                   MiniGPT-v2, percent
    <loc0123> four times, then a label                            PaliGemma, 0..1024, top left bottom right
    a label, then <loc_123> four times or more                    Florence-2, 1000 bins
    <point x="10.5" y="20" alt="..">, <points x1=.. y1=..>        Molmo, percent; <points coords="1 1 105 205"> of Molmo 2 thousandths

Everything is found by bounded expressions: the time grows with the length of the text and no faster.
"""

import re
from collections.abc import Iterator, Sequence

from ..layout.units import PERCENT
from .coordinates import YXYX
from .tagged import Kind, Tagged

MAX_WORDS, MAX_BODY = 300, 8000  # characters of a phrase, and of the coordinates behind it
CELLS = 32  # Kosmos-2's grid, in each direction


# (kind, opening and closing of the words, openings and closings of the coordinates)
_PAIRS = (
    (
        Kind("InternVL, Qwen-VL and MiniCPM-V", 1000),
        ("<ref>", "</ref>"),
        (("<box>", "</box>"), ("<bbox>", "</bbox>"), ("<quad>", "</quad>")),
    ),
    (
        Kind("Qwen2-VL", 1000),
        ("<|object_ref_start|>", "<|object_ref_end|>"),
        (("<|box_start|>", "<|box_end|>"), ("<|point_start|>", "<|point_end|>")),
    ),
    (Kind("DeepSeek-VL2", 999), ("<|ref|>", "<|/ref|>"), (("<|det|>", "<|/det|>"),)),
    (Kind("Kosmos-2", CELLS, fixed=True), ("<phrase>", "</phrase>"), (("<object>", "</object>"),)),
    (Kind("MiniGPT-v2", 100, units=PERCENT, fixed=True), ("<p>", "</p>"), (("{", "}"),)),
)
_PALIGEMMA = Kind("PaliGemma", 1024, order=YXYX, fixed=True)
_FLORENCE = Kind("Florence-2", 1000, fixed=True, shift=0.5)
_MOLMO = Kind("Molmo", 100, units=PERCENT, fixed=True)
_MOLMO_2 = Kind("Molmo 2", 1000)
_POINTS = Kind("<points>", 100, units=PERCENT)  # beyond 100: Qwen2.5-VL writes pixels in the same tags

KINDS = (*(pair[0] for pair in _PAIRS), _PALIGEMMA, _FLORENCE, _MOLMO, _MOLMO_2)

_NUMBER = re.compile(r"-?\d{1,7}(?:\.\d{1,7})?")
_PATCH = re.compile(r"<patch_index_(\d{1,4})>")
_GAP = re.compile(r"(?:[\s,;:*]|<delim>|and ){0,20}")  # MiniGPT-v2 writes the word
_LOC4 = re.compile(
    r"<loc(\d{4})>\s?<loc(\d{4})>\s?<loc(\d{4})>\s?<loc(\d{4})>\s?(?:<seg\d{3}>\s?){0,16}(?P<words>[^<;\n]{0,200})"
)
_LOCS = re.compile(r"<(?:loc_\d{1,4}|sep|/?poly)>(?:\s?<(?:loc_\d{1,4}|sep|/?poly)>)*")
_POINT = re.compile(r"<points?\s([^<>]{1,8000})>(?:([^<>]{0,300})</points?>)?")
_AXIS = re.compile(r"\b([xy])(\d{0,4})\s{0,3}=\s{0,3}[\"']?\s{0,3}(-?\d{1,7}(?:\.\d{1,7})?)")
_ALT = re.compile(r"\balt\s{0,3}=\s{0,3}[\"]([^\"<>]{0,300})|\balt\s{0,3}=\s{0,3}[']([^'<>]{0,300})")
_COORDS = re.compile(r"\bcoords\s{0,3}=\s{0,3}[\"']([\d\s.,:;]{0,8000})")
_MARK = re.compile(r"<[^<>]{0,100}>")


def find_tags(text: str) -> tuple[list[Tagged], int]:
    """(what the tags of all kinds say, in reading order; how many coordinates could not be made out)."""
    found: list[Tagged] = []
    lost = 0
    for kind, words, bodies in _PAIRS:
        tagged, missed = _pairs(text, kind, words, bodies)
        found += tagged
        lost += missed
    for match in _LOC4.finditer(text):
        numbers = tuple(float(v) for v in match.groups()[:4])
        found.append(Tagged(_clean(match["words"]), numbers, _PALIGEMMA, match.start()))
    found += _florence(text)
    found += _molmo(text)
    return sorted(found, key=lambda tagged: tagged.at), lost


def plain_text(text: str) -> str:
    """A sentence without its tags, as Kosmos-2 writes it."""
    return " ".join(_MARK.sub("", text).split())


def _pairs(
    text: str, kind: Kind, words: tuple[str, str], bodies: tuple[tuple[str, str], ...]
) -> tuple[list[Tagged], int]:
    found: list[Tagged] = []
    at = lost = bodies_read = 0
    while (start := text.find(words[0], at)) >= 0:
        at = start + len(words[0])
        end = text.find(words[1], at, at + MAX_WORDS)
        if end < 0:
            continue
        phrase, at = _clean(text[at:end]), end + len(words[1])
        while True:
            gap = _GAP.match(text, at)
            behind = gap.end() if gap else at
            body = next((pair for pair in bodies if text.startswith(pair[0], behind)), None)
            if body is None:
                break
            read, at, missed = _body(text, behind + len(body[0]), body[1], kind)
            bodies_read += 1
            lost += missed
            found += [Tagged(phrase, numbers, kind, start) for numbers in read]
    alone = 0 if words[0] == "<p>" else sum(text.count(opening) for opening, _ in bodies) - bodies_read
    return found, lost + max(alone, 0)  # alone: coordinates without a phrase, which say where but not what


def _body(text: str, at: int, closing: str, kind: Kind) -> tuple[list[tuple[float, ...]], int, int]:
    """(fours and twos of numbers, where the text goes on, how many groups are incomplete). A missing end is a cut-off answer."""
    end = text.find(closing, at, at + MAX_BODY)
    cut = end < 0
    if cut:
        end = min(len(text), at + MAX_BODY)
    body = text[at:end]
    after = end if cut else end + len(closing)
    if kind.name == "Kosmos-2":
        cells = [int(v) for v in _PATCH.findall(body)]
        boxes = [box for i in range(0, len(cells) - 1, 2) if (box := _cells(cells[i], cells[i + 1]))]
        return boxes, after, int(len(boxes) * 2 != len(cells))
    numbers = [float(v) for v in _NUMBER.findall(body)]
    if cut and body.rstrip()[-1:] not in (")", "]", ">", "}"):
        numbers = numbers[: (len(numbers) - 1) // 4 * 4]  # the last number may lack digits
    if len(numbers) == 2:
        return [(numbers[0], numbers[1])], after, 0
    if len(numbers) == 8 and closing == "</quad>":
        return [_extent(numbers)], after, 0
    fours = [tuple(numbers[i : i + 4]) for i in range(0, len(numbers) - 3, 4)]
    return fours, after, int(len(numbers) % 4 != 0 or not numbers)


def _cells(first: int, last: int) -> tuple[float, ...] | None:
    """Two cells of Kosmos-2's grid as a box in cells: from centre to centre, or whole cells where they share a column or a row."""
    if not (0 <= first < CELLS**2 and 0 <= last < CELLS**2):
        return None
    (y0, x0), (y1, x1) = divmod(first, CELLS), divmod(last, CELLS)
    if x0 == x1 or y0 == y1:
        return float(x0), float(y0), x1 + 1.0, y1 + 1.0
    return x0 + 0.5, y0 + 0.5, x1 + 0.5, y1 + 0.5


def _florence(text: str) -> Iterator[Tagged]:
    """Boxes, or the extent of a quadrilateral or a polygon where the numbers cannot be boxes."""
    before = 0
    for match in _LOCS.finditer(text):
        words = _clean(text[max(before, match.start() - MAX_WORDS) : match.start()].rsplit(">", 1)[-1])
        before = match.end()
        for piece in re.split(r"<sep>|</?poly>", match[0]):
            numbers = [float(v) for v in re.findall(r"_(\d{1,4})>", piece)]
            fours = [tuple(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]
            if fours and all(len(four) == 4 and four[0] <= four[2] and four[1] <= four[3] for four in fours):
                yield from (Tagged(words, four, _FLORENCE, match.start()) for four in fours)
            elif len(numbers) >= 6 and len(numbers) % 2 == 0:
                yield Tagged(words, _extent(numbers), _FLORENCE, match.start())
            elif fours and len(fours[0]) == 4:
                yield Tagged(words, fours[0], _FLORENCE, match.start())


def _molmo(text: str) -> Iterator[Tagged]:
    for match in _POINT.finditer(text):
        head = match[1]
        alt = _ALT.search(head)
        words = _clean((alt and (alt[1] or alt[2])) or match[2] or "")
        coords = _COORDS.search(head)
        if (
            coords
        ):  # the number of the picture, then a number, x and y of each point; other pictures follow behind a semicolon
            numbers = [float(v) for v in _NUMBER.findall(re.split(r"[;\t]", coords[1], maxsplit=1)[0])]
            numbers = numbers[1:] if len(numbers) % 3 == 1 else numbers
            yield from (
                Tagged(words, (numbers[i + 1], numbers[i + 2]), _MOLMO_2, match.start())
                for i in range(0, len(numbers) - 2, 3)
            )
            continue
        sides: dict[str, dict[str, float]] = {"x": {}, "y": {}}
        for axis, number, value in _AXIS.findall(head):
            sides[axis].setdefault(number, float(value))
        points = [(x, sides["y"][number]) for number, x in sides["x"].items() if number in sides["y"]]
        kind = _MOLMO if all(v <= 100 for xy in points for v in xy) else _POINTS
        yield from (Tagged(words, xy, kind, match.start()) for xy in points)


def _extent(numbers: Sequence[float]) -> tuple[float, ...]:
    xs, ys = numbers[0::2], numbers[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _clean(words: str) -> str:
    return " ".join(_MARK.sub(" ", words.rsplit("\n", 1)[-1] if "\n" in words.strip() else words).split()).strip(
        " ,;:.*\"'`"
    )
