"""The answers of multimodal models, as the benchmarks' own scripts write them.

LayoutSAM-Eval, minicpm-vqa.json: {FILE: {"bbox_count": 4, "score_spatial": 4, "score_color": 3, "score_texture": 4, "score_shape": 4}}.
OverLayBench, by image_id ("00000012" is 12): entity_VQA.json {ID: {NAME: "Yes"}}, relation_VQA.json {ID: {"(NAME, NAME)": "No"}},
baseline_bbox_predictions.json {ID: {CATEGORY: [[x0, y0, x1, y1], ...]}} in pixels of our pictures. Anything but yes is no, and so is what is missing.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..commands.left_out import usable
from ..layout import fields
from ..layout.json_text import read_json
from ..metrics.classes import detection_class
from ..metrics.detection import Detection
from ..metrics.record import Region
from ..metrics.verdicts import Counts, Verdict
from .annotations import MOST_READ
from .overlay_file import relation_key

logger = logging.getLogger(__name__)
Said = Mapping[str, Mapping[str, Any]]  # of each picture, by its name


@dataclass
class OverlayAnswers:
    """What is known; None where no file says it."""

    entities: Said | None = None
    relations: Said | None = None
    boxes: Said | None = None


def read_overlay_answers(paths: Sequence[Path], names: Mapping[str, Sequence[str]]) -> OverlayAnswers:
    """The files in any order, told apart by their content. names: of each picture those of its instances. ValueError for a file that is none
    of the three, or of no picture of these."""
    out = OverlayAnswers()
    for path in paths:
        said = _by_picture(path, names)
        kind = _kind(said, names)
        if kind is None:
            raise ValueError(
                f'{path.name} holds no answers about these pictures: expected {{image_id: {{name: "Yes"}}}} or {{image_id: {{category: boxes}}}}, '
                "as OverLayBench's toolkit writes them."
            )
        if getattr(out, kind) is not None:
            raise ValueError(
                f"{path.name} holds answers about {kind}, and so does another file of --answers. Give one."
            )
        setattr(out, kind, said)
    return out


def entity_rate(said: Said, names: Mapping[str, Sequence[str]]) -> float | None:
    """Share of all instances of which the answer is yes, 0..1; None without any."""
    return _rate(said, {picture: list(known) for picture, known in names.items()}, str)


def relation_rate(said: Said, relations: Mapping[str, Sequence[str]]) -> float | None:
    """The same of the relations."""
    return _rate(said, {picture: list(known) for picture, known in relations.items()}, relation_key)


def found_boxes(said: Mapping[str, Any], size: int) -> tuple[Region, ...]:
    """{category: boxes} of one picture of size x size pixels -> regions; odd boxes are left out, as the benchmark does."""
    out = []
    for category, boxes in said.items():
        name = detection_class(Detection(category, (0.0, 0.0, 1.0, 1.0)), "category")
        for box in boxes if isinstance(boxes, list) else []:
            numbers = _numbers(box)
            x0, y0, x1, y1 = (min(max(v, 0.0), float(size)) for v in numbers) if numbers else (0.0,) * 4
            if x1 > x0 and y1 > y0:
                out.append(Region(name, (x0, y0, x1 - x0, y1 - y0)))
    return tuple(out)


def read_verdicts(path: Path, boxes: Mapping[str, int]) -> list[Counts]:
    """LayoutSAM-Eval's sums of each picture; boxes: how many each has. A picture without an entry, or with an odd one, has nothing right."""
    document = _document(path)

    def entry(item: tuple[str, Any], _: int) -> tuple[str, Counts]:
        name, said = _stem(item[0]), item[1]
        if not isinstance(said, Mapping):
            raise ValueError(f"{name} must be an object with bbox_count and score_spatial, got {fields.shorten(said)}.")
        count = fields.number(said.get("bbox_count"), name, "bbox_count")
        keys = [f"score_{key}" for key in Verdict._fields]
        scores = [fields.number_in(said.get(key), 0, max(count, 0), name, key) for key in keys]
        if name in boxes and count != boxes[name]:
            raise ValueError(f"{name}: bbox_count is {count:g}, but its layout has {boxes[name]} boxes.")
        return name, Counts(int(count), *scores)

    known = dict(usable(document.items(), entry, f"pictures of {path.name}"))
    _tell_missing(path, known, boxes)
    return [known.get(name, Counts(count)) for name, count in boxes.items()]


def _rate(said: Said, wanted: Mapping[str, Sequence[str]], key: Any) -> float | None:
    yes = total = 0
    for picture, names in wanted.items():
        answers = {key(name): answer for name, answer in said.get(picture, {}).items()}
        total += len(names)
        yes += sum(str(answers.get(name)).strip().lower() == "yes" for name in names)
    return yes / total if total else None


def _kind(said: Said, names: Mapping[str, Sequence[str]]) -> str | None:
    """entities, relations or boxes, by the first picture that says anything."""
    for picture, answers in said.items():
        if any(isinstance(value, list) for value in answers.values()):
            return "boxes"
        if set(answers) & set(names[picture]):
            return "entities"
        if any("," in key for key in answers):
            return "relations"
    return None


def _by_picture(path: Path, names: Mapping[str, Any]) -> Said:
    """The file's entries of these pictures, with a warning about pictures that have none."""

    def entry(item: tuple[str, Any], _: int) -> tuple[str, Mapping[str, Any]]:
        if not isinstance(item[1], Mapping):
            raise ValueError(f"{fields.shorten(item[0])} must be an object, got {fields.shorten(item[1])}.")
        return _stem(item[0]), item[1]

    known = {k: v for k, v in usable(_document(path).items(), entry, f"pictures of {path.name}") if k in names}
    _tell_missing(path, known, names)
    return known


def _tell_missing(path: Path, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    missing = [name for name in wanted if name not in known]
    if len(missing) == len(wanted):
        raise ValueError(f"{path.name} holds no answers about these {len(wanted)} pictures ({missing[0]}, ...).")
    if missing:
        logger.warning(
            "%s says nothing usable about %d of %d pictures, the first is %s: that counts as no.",
            path.name,
            len(missing),
            len(wanted),
            missing[0],
        )


def _document(path: Path) -> Mapping[str, Any]:
    document = read_json(path, limit=MOST_READ)
    if not isinstance(document, Mapping):
        raise ValueError(
            f"{path.name} must be an object with an entry for each picture, got {fields.shorten(document)}."
        )
    return document


def _stem(name: str) -> str:
    """ "00000012" and "12.png" are the picture 12; "sa_7.jpg" is sa_7."""
    stem = name.rpartition(".")[0] if name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")) else name
    return stem.lstrip("0") or "0" if stem.isascii() and stem.isdigit() else stem


def _numbers(box: Any) -> list[float] | None:
    if not isinstance(box, list) or len(box) != 4:
        return None
    try:
        return [fields.number(float(v) if isinstance(v, str) else v, "Box", "side") for v in box]
    except ValueError:
        return None
