"""All objects of a document, whatever its lists are called: what has words and a place, in reading order, with the parts that stand inside."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..importers.label_studio import are_tasks
from ..importers.labelme import is_labelme
from ..importers.omost import conditions, is_canvas
from ..importers.wrapped import florence_task
from .boxes import box_of, get, is_placed, words_of
from .coordinates import box_numbers
from .entries import (
    NOT_THINGS,
    as_item,
    as_named,
    holds_objects,
    is_bare_box,
    is_general,
    may_hold_layout,
    named_items,
    named_lists,
    one_each,
)
from .lines import BOX_KEYS, line_items

LISTS = ("instances", "objects", "annos", "elements", "boxes", "bboxes", "bounding_boxes", "items", "layout", "regions", "entities", "detections",
         "annotations", "foreground_objects", "shapes")  # fmt: skip # what an empty list of objects may be called
PARTS = ("parts", "children", "sub_objects", "subobjects", "components", "subparts", "sub_parts", "members", "accessories", "attachments", "contents",
         "contains", "details")  # fmt: skip
LABEL_LISTS = (
    "labels",
    "text_labels",
    "bboxes_labels",
    "phrases",
    "prompts",
    "names",
    "captions",
    "classes",
    "objects",
)
_ELSEWHERE = ("reference", "source", "original", "template")  # other pictures, whose boxes are theirs
_BACKGROUND_WORDS = ("background_prompt", "background_description")
_BACKGROUND_BOXES = ("background_box", "background_bbox", "background_region", "background_bounding_box")


def _is_foreign(value: Mapping[str, Any]) -> bool:
    """Whether it is a file whose numbers nobody else writes so: LabelMe's, Florence-2's answer."""
    return is_labelme(value) or florence_task(value) is not None


def _pieces(value: Any) -> list[Mapping[str, Any] | None]:
    """The objects of an entry; a text is one with its box in it, or one without a place, so that it can be named."""
    if not isinstance(value, str):
        return one_each(as_item(value))
    return [*line_items(value)] if may_hold_layout(value) else [{"prompt": value}]


class Gathered:
    """items: the fields of each object. parents: of which item it is a part, by its index, or None. document: the fields around the lists.

    foreign: a document of a format that fixes its units: the authors' demo files, COCO, an Omost canvas.
    notes: what was left out, a sentence each. texts: strings that may hold a layout themselves. seen: what stands there, if there are no items.
    """

    def __init__(self) -> None:
        self.items: list[Mapping[str, Any]] = []
        self.parents: list[int | None] = []
        self.document: dict[str, Any] = {}
        self.foreign: Mapping[str, Any] | Sequence[Any] | None = None
        self.notes: list[str] = []
        self.texts: list[str] = []
        self.empty = self.alone = False  # an empty list of objects; one object that stands by itself
        self._wordless: list[tuple[str, int]] = []
        self._placeless: list[tuple[str, list[Mapping[str, Any]]]] = []

    @property
    def seen(self) -> str:
        """What comes nearest to a layout, for a sentence; "" if nothing does."""
        if self._wordless:
            name, count = self._wordless[0]
            return f"its list {name or 'of boxes'} has {count} location{'s' * (count != 1)} without words"
        return ""

    def finish(self) -> "Gathered":
        """Objects that have words and no place are items where there are no others: the user is told of each. Else they are told of together."""
        if not self.items and self._placeless:
            name, items = next((found for found in self._placeless if found[0].lower() in LISTS), self._placeless[0])
            self.items, self.parents = list(items), [None] * len(items)
            self._placeless = [found for found in self._placeless if found[1] is not items]
        for name, items in self._placeless:
            words = ", ".join(words_of(item)[:40] for item in items[:3]) + (", ..." if len(items) > 3 else "")
            self.notes.append(f"The list {name[:40] or 'without a name'} ({words}) has no locations and was left out.")
        for name, count in self._wordless:
            self.notes.append(
                f"The list {name[:40] or 'without a name'} has {count} location{'s' * (count != 1)} without words and was left out."
            )
        return self

    def read(self, value: Any) -> "Gathered":
        """A value as it came. Its depth is bounded by the reader of the JSON."""
        if isinstance(value, str):
            self.texts.append(value)
        elif is_canvas(conditions(value)) or are_tasks(value) or (isinstance(value, Mapping) and _is_foreign(value)):
            self.foreign = value
        elif isinstance(value, list):
            self._list(value, "")
        elif isinstance(value, Mapping):
            inner = [key for key, given in value.items() if isinstance(given, list) and holds_objects(given)]
            if is_placed(value) and words_of(value) and all(key.lower() in PARTS for key in inner):
                self.alone = True
                self._add(value, None)
            else:
                self._mapping(value)
                self.document = self.document or dict(value)
        return self

    def _mapping(self, value: Mapping[str, Any]) -> bool:
        """The objects in a document or a group; whether there were any."""
        before = len(self.items)
        if {"annos", "width", "height"} <= value.keys() or {"images", "annotations"} <= value.keys():
            self.foreign = value  # the authors' demo files and COCO
        used = self._background(value) + self._side_by_side(value)
        if not used and (named := named_items(value) or named_lists(value)):
            for item in named:
                self._add(item, None)
        else:
            for key, given in value.items():
                if key in used:
                    continue
                if isinstance(given, list):
                    if not given and key.lower() in LISTS:
                        self.empty = True
                    self._list(given, key)
                elif isinstance(given, Mapping):
                    if box_of(given) and key.lower() not in NOT_THINGS:
                        self._add(as_named(key, given), None)
                    else:
                        self._mapping(given)
                elif isinstance(given, str):
                    self.texts.append(given)
        found = len(self.items) > before
        if found or self.empty:
            for key, given in value.items():
                self.document.setdefault(key, given)
        return found

    def _background(self, value: Mapping[str, Any]) -> list[str]:
        """A background that has a box is an object, behind all others. -> the keys that it stands under."""
        given = get(value, "background")
        names = (given, *(get(value, key) for key in _BACKGROUND_WORDS))
        words = next((name for name in names if isinstance(name, str) and name.strip()), "background")
        box = (
            given if isinstance(given, list) else next((b for key in _BACKGROUND_BOXES if (b := get(value, key))), None)
        )
        if isinstance(given, Mapping) and is_placed(given):
            self._add(as_named("background", given), None)
        elif is_bare_box(box):
            self._add({"prompt": words, "box": box}, None)
        else:
            return []
        return [key for key in value if key.lower() in ("background", *_BACKGROUND_WORDS, *_BACKGROUND_BOXES)]

    def _side_by_side(self, value: Mapping[str, Any]) -> list[str]:
        """Boxes in one list and their words in another of the same length. -> the keys of both."""
        for key, given in value.items():
            if not isinstance(given, list) or not given or not all(map(box_numbers, given)):
                continue
            for name in LABEL_LISTS:
                words = get(value, name)
                if (
                    isinstance(words, list)
                    and len(words) == len(given)
                    and all(isinstance(word, str) for word in words)
                ):
                    for word, box in zip(words, given, strict=True):
                        self._add({"prompt": word, "box": box}, None)
                    return [key, *(k for k in value if k.lower() == name)]
        return []

    def _list(self, values: Sequence[Any], name: str) -> None:
        items = [piece for value in values for piece in _pieces(value)]
        placed = [item for item in items if item is not None and is_placed(item)]
        if placed and not is_general(name.lower()) and not any(map(words_of, placed)):  # {"fox": [{"box": [...]}]}
            items = [{"prompt": name.replace("_", " "), **item} if item else item for item in items]
            placed = [item for item in items if item is not None]
        if any(map(words_of, placed)):
            for item in items:
                self._add(item if item is not None else {}, None)
            return
        if placed or (values and all(map(box_numbers, values)) and not isinstance(values[0], str)):
            self._wordless.append((name, len(placed) or len(values)))
        without: list[Mapping[str, Any]] = []
        if (
            name.lower() in LISTS
            and values
            and all(isinstance(value, str) and not may_hold_layout(value) for value in values)
        ):
            without = [{"prompt": value} for value in values if value.strip()]
        groups = 0
        for value in filter(None, values):
            if isinstance(value, Mapping):
                texts = len(self.texts)
                found = self._mapping(value)
                groups += found
                words = words_of({k: v for k, v in value.items() if k.lower() != "type"})
                if found and words:
                    self.notes.append(f"{words[:60]} has no location and was left out; what stands in it was read.")
                elif words and not is_placed(value) and not any(map(may_hold_layout, self.texts[texts:])):
                    without.append(value)
            elif isinstance(value, list):
                self._list(value, name)
            elif isinstance(value, str):
                self.texts.append(value)
        if groups > 1:
            self.notes.append(f"The objects of {groups} groups were read as one layout.")
        if without:
            self._placeless.append((name, without))

    def _add(self, item: Mapping[str, Any], parent: int | None) -> None:
        """An object, then its parts."""
        self.items.append(item)
        self.parents.append(parent)
        index = len(self.items) - 1
        without: list[str] = []
        for key, given in item.items():
            if key.lower() in (*BOX_KEYS, "scribble", "point", "mask"):
                continue
            self._parts(key, given, index, without)
        if without:
            words = ", ".join(word[:40] for word in without[:3]) + (", ..." if len(without) > 3 else "")
            self.notes.append(f"What {words_of(item)[:40]} holds without a location ({words}) was left out.")

    def _parts(self, key: str, given: Any, parent: int, without: list[str]) -> None:
        """The objects in a field of an object, as its parts. without: gathers the words of those that have no place."""
        if isinstance(given, list):
            parts = [piece for value in given for piece in one_each(as_item(value))]
            if any(part is not None and is_placed(part) and words_of(part) for part in parts):
                for part, value in zip(parts, given, strict=False):
                    if isinstance(value, str) and len(parts) == len(given):
                        without.append(value)
                    else:
                        self._add(part if part is not None else {}, parent)
                return
            for part, value in zip(parts, given, strict=False):
                before = len(self.items)
                if part is not None:
                    self._parts_within(part, parent, without)
                if len(self.items) > before:
                    continue
                words = (
                    words_of(part)
                    if part is not None
                    else value
                    if isinstance(value, str) and key.lower() in PARTS
                    else ""
                )
                without += [words] if words else []
        elif isinstance(given, Mapping) and key.lower() not in (*NOT_THINGS, *_ELSEWHERE):
            named = (named_items(given) or named_lists(given)) if key.lower() in PARTS else []
            own = box_of(given)
            if named:
                for part in named:
                    self._add(part, parent)
            elif own and (whole := box_of(self.items[parent])) and own[0] == whole[0]:
                return  # what says the object's own place once more
            elif is_placed(given) and (words_of(given) or (own and own[1] in BOX_KEYS)):
                self._add(as_named(key, given), parent)
            else:
                self._parts_within(given, parent, without)

    def _parts_within(self, group: Mapping[str, Any], parent: int, without: list[str]) -> None:
        for key, given in group.items():
            if isinstance(given, (list, Mapping)) and key.lower() not in (*BOX_KEYS, "scribble", "point", "mask"):
                self._parts(key, given, parent, without)
