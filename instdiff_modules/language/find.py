"""Where in an answer the layout is: past reasoning, chatter and fences, inside wrappers; in JSON, else in tags, CSS, tables, lines or prose."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .blocks import block_items
from .boxes import is_placed, words_of
from .css import find_css
from .entries import may_hold_layout
from .gather import Gathered
from .inline import find_inline
from .json_pieces import Found, NotJSON
from .lines import BOX_KEYS, PROMPT_KEYS, count_boxes, line_items
from .omost_calls import is_omost
from .tables import table_items
from .tagged import Tagged
from .tags import find_tags
from .tolerant import read_value

PASSES = 3  # times the length of a text that is read in all, where brackets open that never close
MAX_WRAPPERS = 4  # texts inside texts

_FENCE = re.compile(r"^[ \t]{0,40}```[^\n`]*$", re.M)  # on a line of its own; others may stand inside a text
_OPENING = re.compile(r"[\[{]")


class Draft(NamedTuple):
    """document: what surrounds the items, {} if nothing does. items: the fields of each. parents: of which item each is a part, or None.

    tagged: instead of items, what tags of known units say. around: the words outside. notes: what was forgiven or left out.
    foreign: a document of a format that fixes its units, if it is one. hint: what may help if units or order are not stated.
    order: of the boxes, if their form fixes it and nothing else says it.
    program: the text of Omost's program, if it is one.
    """

    document: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    parents: Sequence[int | None]
    around: str
    notes: list[str]
    tagged: Sequence[Tagged] = ()
    foreign: Mapping[str, Any] | Sequence[Any] | None = None
    hint: str = ""
    order: str | None = None
    program: str = ""


_Found = Sequence[tuple[Gathered, tuple[str, ...]]]  # what stands in each JSON value, and what was forgiven


class _Scan:
    """All JSON values of a text: `values` with the notes of each, `around` them, and `trouble` with what only begins like one."""

    def __init__(self, text: str) -> None:
        self.values: list[tuple[Any, tuple[str, ...]]] = []
        self.around: list[str] = []
        self.trouble: NotJSON | None = None
        self.exhausted = False
        budget = PASSES * len(text)
        for region in _FENCE.split(text):
            begun: dict[int, Found | None] = {}  # what was read already, within brackets that cannot be read
            at = done = 0
            while match := _OPENING.search(region, at):
                start = match.start()
                if budget <= 0:
                    self.exhausted = True
                    break
                budget -= 1
                if start in begun:
                    if (ended := begun[start]) is None:
                        at = match.end()  # it would fail where the bracket around it did
                        continue
                    value, end, notes = ended
                else:
                    try:
                        value, end, notes = read_value(region, start)
                    except NotJSON as problem:
                        length = problem.position - start
                        budget -= length
                        self.trouble = problem if self.trouble is None or length > 20 else self.trouble
                        begun |= problem.begun
                        at = match.end()
                        continue
                    budget -= end - start
                self.around.append(region[done:start])
                if value or not self.values:
                    self.values.append((value, notes))
                if not isinstance(value, Mapping) and not _is_deep(value):
                    self.around.append(region[start:end])  # brackets of prose, such as [x, y, width, height]
                at = done = end
            self.around.append(region[done:])


def without_reasoning(text: str) -> tuple[str, list[str]]:
    """The answer behind what a reasoning model thought aloud."""
    for mark in ("</think>", "</thinking>", "</reasoning>", "<|channel|>final<|message|>", "[/THINK]"):
        if mark in text:
            return text.rpartition(mark)[2], ["The model's reasoning was left out."]
    for mark in ("<think>", "<thinking>", "<reasoning>", "[THINK]"):
        if text.lstrip().startswith(mark):
            raise ValueError(
                f"The answer is reasoning that never ended ({mark} without an end). Let the model write more tokens."
            )
    return text, []


def find_draft(text: str) -> Draft:
    """The layout in a text. ValueError, that says what came nearest, if there is none."""
    scan = _Scan(text)
    gathered = [(Gathered().read(value), notes) for value, notes in scan.values]
    draft = _layout_in(text, scan, gathered, 0)
    if draft is None:
        raise ValueError(f"The answer holds no layout: {_nothing(text, scan, [g for g, _ in gathered])}")
    if scan.exhausted:
        draft.notes.append("The text has more broken brackets than can be read; what follows them was left out.")
    return draft


def _layout_in(text: str, scan: _Scan, gathered: _Found, depth: int) -> Draft | None:
    if is_omost(text):
        return Draft({}, [], [], "", [], program=text)
    words = "".join(scan.around)
    if draft := _of_json(gathered, words):
        if other := len(find_tags(text)[0]) + count_boxes(words):
            draft.notes.append(f"Boxes in the text beside the JSON ({other}) were left out.")
        return draft
    if draft := _of_texts(gathered, depth) or _of_tags(text) or _of_css(text):
        return draft
    # In JSON, a name and its box are no line of prose.
    return (
        None
        if any(isinstance(value, Mapping) for value, _ in scan.values)
        else _of_lines(text, words) or _of_prose(text)
    )


def _of_json(gathered: _Found, words: str) -> Draft | None:
    layouts = [(g, notes) for g, notes in gathered if not g.alone and (g.finish().items or g.empty or g.foreign)]
    if layouts:
        placed = [found for found in layouts if any(map(is_placed, found[0].items))] or layouts  # a schema has no boxes
        chosen, notes = placed[-1]
        many = [f"The answer holds {len(placed)} layouts, the last one was taken."] if len(placed) > 1 else []
        names = {words_of(item) for item in chosen.items}
        lost = [words for g, _ in placed[:-1] for item in g.items if (words := words_of(item)) and words not in names]
        if lost:
            listed = ", ".join(word[:40] for word in dict.fromkeys(lost[:5])) + ", ..." * (len(lost) > 5)
            many.append(f"What the others hold beside it was left out: {listed}.")
        loose = sum(len(g.items) for g, _ in gathered if g.alone or (g, _) not in placed)
        many += [f"Objects outside the list ({loose}) were left out."] if loose else []
        notes_of = [*many, *map(_sentence, notes), *(() if chosen.foreign else chosen.notes)]
        return Draft(chosen.document, chosen.items, chosen.parents, words, notes_of, foreign=chosen.foreign)
    if alone := [(g, notes) for g, notes in gathered if g.alone]:
        items, parents, said = [], [], dict[str, None]()
        document: dict[str, Any] = {}  # what one of them says of its numbers
        for g, notes in alone:
            parents += [None if parent is None else parent + len(items) for parent in g.parents]
            items += g.items
            own = g.items[0].items()
            document |= {k: v for k, v in own if isinstance(v, str) and k.lower() not in (*PROMPT_KEYS, *BOX_KEYS)}
            said |= dict.fromkeys((*map(_sentence, notes), *g.notes))
        many = ["Several objects one after the other were read as one list."] if len(alone) > 1 else []
        return Draft(document, items, parents, words, [*many, *said])
    return None


def _of_texts(gathered: _Found, depth: int) -> Draft | None:
    """A layout in a text that is itself a value: the arguments of a tool call, the content of a message."""
    for g, _ in gathered if depth < MAX_WRAPPERS else ():
        for text in filter(may_hold_layout, g.texts):
            scan = _Scan(text)
            inner = [(Gathered().read(value), notes) for value, notes in scan.values]
            if draft := _layout_in(text, scan, inner, depth + 1):
                return draft
    return None


def _of_tags(text: str) -> Draft | None:
    tagged, lost = find_tags(text)
    if not tagged:
        return None
    notes = [f"Locations in tags that name no object, or are incomplete ({lost}), were left out."] if lost else []
    other = count_boxes(text) - sum(len(t.numbers) == 4 for t in tagged)
    if other > 0 and not lost:
        notes.append(f"Boxes outside the tags ({other}) were left out.")
    return Draft({}, [], [], text, notes, tagged)


def _of_css(text: str) -> Draft | None:
    document, items = find_css(text)
    return Draft(document, items, [None] * len(items), "", []) if items else None


def _of_lines(text: str, words: str) -> Draft | None:
    rows, odd = table_items(text)
    if any(map(is_placed, rows)):
        notes = ["The answer is not valid JSON; the rows of a table were read."]
        notes += [f"Rows with more or fewer cells than the head of their table ({odd}) were left out."] if odd else []
        return Draft({}, rows, [None] * len(rows), text, notes)
    if items := line_items(text):
        notes = ["The answer is not valid JSON; lines of a name and four numbers were read."]
        other = count_boxes(text) - len(items)
        notes += [f"Boxes that no name stands before ({other}) were left out."] if other > 0 else []
        return Draft({}, items, [None] * len(items), words, notes)
    document, items = block_items(text)
    if items:
        notes = ["The answer is not valid JSON; lines of a field and its value were read."]
        return Draft(document, items, [None] * len(items), words, notes)
    return None


def _of_prose(text: str) -> Draft | None:
    inline = find_inline(text)
    said = "The answer is not valid JSON; boxes behind words in running text were read."
    if inline.tagged:
        notes = [said]
        notes += [f"Boxes of another form ({len(inline.items)}) were left out."] if inline.items else []
        return Draft({}, [], [], text, notes, inline.tagged)
    if inline.items:
        hint = "Ferret writes left top right bottom in 0..1000"
        return Draft({}, inline.items, [None] * len(inline.items), text, [said], hint=hint, order=inline.order)
    return None


def _nothing(text: str, scan: _Scan, gathered: Sequence[Gathered]) -> str:
    """What stands there in place of a layout."""
    if seen := next((g.seen for g in gathered if g.seen), ""):
        return seen
    if lost := find_tags(text)[1]:
        return f"its tags give {lost} location{'s' * (lost != 1)} without words. Ask the model to name what it locates"
    mappings = [value for value, _ in scan.values if isinstance(value, Mapping)]
    if mappings:
        if empty := next((key for value in mappings for key, given in value.items() if given == []), ""):
            return f"its list {empty[:40]} is empty"
        keys = ", ".join(str(key)[:20] for key in list(mappings[0])[:6])
        return f"there is no layout in its JSON (its fields: {keys or 'none'})"
    if scan.exhausted:
        return "it has more broken brackets than can be read"
    if scan.trouble:
        return f"what begins like JSON cannot be read: {scan.trouble}"
    lists = [value for value, _ in scan.values if isinstance(value, list) and value]
    if lists:
        kind = (
            "a list of texts without locations"
            if all(isinstance(v, str) for v in lists[0])
            else "a list without words and locations"
        )
        return f"it holds {kind}"
    return "there is no JSON in it, and no tags, tables or lines with locations"


def _is_deep(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, (list, Mapping)) for item in value)


def _sentence(note: str) -> str:
    return note[0].upper() + note[1:] + "."
