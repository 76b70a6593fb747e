"""Many scored pictures together: totals, and the tables that people read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .authors import KINDS, points_in_mask
from .average_precision import average_precision
from .overlaps import mean_overlap_iou, orders, overlapping_pairs
from .record import InstanceRow, Record


@dataclass(frozen=True)
class Totals:
    """Means over all instances that have the number, 0..1 (*_clip: -1..1); None if none has. `counts`: how many had it.

    success: share of the instances that passed. box_*, mask_*: COCO's. mask_miou: intersection over union with the detection
    of the instance's class, 0 where there is none. pim_*: Points-in-Mask, 0 where there is no detection. color_acc,
    texture_acc: among the instances whose place holds a detection (of any class, overlap at the threshold or above) and whose
    prompt names one, those that have it; plain_acc: the same of the shapes that are named without a texture. leakage: see
    `attributes.leakage`. o_miou, order_acc: of the pairs of instances whose regions overlap (`overlaps.py`): OverLayBench's o-mIoU,
    and among the pairs that show who is in front, those in which it is the instance that is later in the layout.

    As the authors' scripts take them, with means over pictures of the means over their instances: local_clip, clip_color_acc,
    clip_texture_acc (eval_attribute_binding.py: the crop of each given box, whether or not anything was detected there) and
    authors_pim_* (`authors.points_in_mask`; milder than pim_*, since what was not found is left out).
    """

    pictures: int
    instances: int
    success: float | None
    box_ap: float | None
    box_ap50: float | None
    box_ar: float | None
    mask_ap: float | None
    mask_ap50: float | None
    mask_ar: float | None
    mask_miou: float | None
    pim_point: float | None
    pim_scribble: float | None
    authors_pim_point: float | None
    authors_pim_scribble: float | None
    color_acc: float | None
    texture_acc: float | None
    plain_acc: float | None
    leakage: float | None
    o_miou: float | None
    order_acc: float | None
    local_clip: float | None
    clip_color_acc: float | None
    clip_texture_acc: float | None
    counts: dict[str, int] = field(default_factory=dict)


# Which number of a row each mean is made of.
MEANS: dict[str, Callable[[InstanceRow], float | bool | None]] = {
    "success": lambda row: row.passed,
    "mask_miou": lambda row: row.mask_iou,
    "pim_point": lambda row: row.point_in_mask,
    "pim_scribble": lambda row: row.scribble_in_mask,
    "color_acc": lambda row: row.color_right,
    "texture_acc": lambda row: row.texture_right if row.texture_named else None,
    "plain_acc": lambda row: None if row.texture_named else row.texture_right,
    "leakage": lambda row: row.leakage,
    "local_clip": lambda row: row.clip,
    "clip_color_acc": lambda row: row.clip_color,
    "clip_texture_acc": lambda row: row.clip_texture,
}
OF_MASKS = ("mask_miou", "pim_point", "pim_scribble")
OF_PICTURES = (
    "local_clip",
    "clip_color_acc",
    "clip_texture_acc",
)  # means over pictures of the means over their instances


def summarise(records: Sequence[Record]) -> Totals:
    """Totals over pictures. Measures of masks are None if a detection has no mask. ValueError: see `average_precision`."""
    rows = [row for record in records for row in record.rows]
    masks_known = all(place.mask is not None for record in records for place in record.found)
    values = {name: [v for v in map(take, rows) if v is not None] for name, take in MEANS.items()}
    for name in OF_MASKS if not masks_known else ():
        values[name] = []
    means = {name: sum(given) / len(given) if given else None for name, given in values.items()}
    means |= {name: mean_by_picture(records, MEANS[name]) for name in OF_PICTURES}
    means |= {f"authors_pim_{kind}": points_in_mask(records, kind) if masks_known else None for kind in KINDS}
    box, mask = (average_precision(records, kind) for kind in ("box", "mask"))
    fronts = [right for record in records for _, _, right in orders(record)]
    return Totals(
        len(records),
        len(rows),
        box_ap=box.ap,
        box_ap50=box.ap50,
        box_ar=box.ar,
        mask_ap=mask.ap,
        mask_ap50=mask.ap50,
        mask_ar=mask.ar,
        o_miou=mean_overlap_iou(records, [overlapping_pairs(record.wanted) for record in records]),
        order_acc=sum(fronts) / len(fronts) if fronts else None,
        **means,
        counts={name: len(given) for name, given in values.items()},
    )


def mean_by_picture(records: Sequence[Record], take: Callable[[InstanceRow], float | bool | None]) -> float | None:
    """Mean over pictures of the mean over their instances that have the number; None if none has."""
    given = [[v for v in map(take, record.rows) if v is not None] for record in records]
    means = [sum(values) / len(values) for values in given if values]
    return sum(means) / len(means) if means else None


def rows_to_dicts(records: Sequence[Record]) -> list[dict[str, Any]]:
    """JSON of each picture: its name, size, score, the numbers of its instances, and of the overlapping pairs that show who is in
    front whether it is the later instance; `behind` and `front` are numbers of instances."""
    return [
        {
            "name": r.name,
            "width": r.width,
            "height": r.height,
            "score": r.score,
            "instances": [asdict(row) for row in r.rows],
            "orders": [
                {"behind": r.rows[i].number, "front": r.rows[j].number, "right": right} for i, j, right in orders(r)
            ],
        }
        for r in records
    ]


def totals_table(totals: Totals) -> str:
    """Markdown: measure, value, number of instances that it is the mean of. What is not known is left out."""
    lines = ["| measure | value | instances |", "|---|---|---|"]
    for item in fields(totals):
        value = getattr(totals, item.name)
        if isinstance(value, float):
            lines.append(f"| {item.name} | {value:.4f} | {totals.counts.get(item.name, '')} |")
    return "\n".join(lines)


# What a reader of report.md has to know of each number; exactly: `Totals`.
MEANINGS = {
    "success": "share of the instances that passed",
    "box_ap, box_ap50, box_ar": "COCO's AP, AP50 and AR of boxes",
    "mask_ap, mask_ap50, mask_ar": "the same of masks",
    "mask_miou": "mean IoU of each instance's mask with the detection of its class",
    "pim_point": "Points-in-Mask: share of the given points that lie in the detection",
    "pim_scribble": "the same of the points of given scribbles",
    "authors_pim_point": "Points-in-Mask by the authors' script, which takes the middle of each given mask as the point",
    "authors_pim_scribble": "the same with 20 random points of each given mask",
    "color_acc": "share of the found objects that have the colour of their prompt",
    "texture_acc": "share of the found objects that have the texture of their prompt",
    "plain_acc": "share of the found objects without a texture in their prompt that have none",
    "leakage": "share of an object's region that has the colour of another object",
    "o_miou": "mean IoU of the area that two overlapping boxes share with the area that their detections share",
    "order_acc": "share of the overlapping pairs in which the instance that is later in the layout is in front, where the picture tells",
    "local_clip": "cosine of CLIP's vectors of each box's crop and its prompt",
    "clip_color_acc, clip_texture_acc": "share of the crops whose colour or texture CLIP finds to be that of the prompt",
}


def meanings(totals: Totals) -> str:
    """Markdown: a line for each number that the table has."""
    known = {item.name for item in fields(totals) if isinstance(getattr(totals, item.name), float)}
    lines = [f"* {names}: {words}." for names, words in MEANINGS.items() if known & {*names.split(", ")}]
    return "\n".join(lines)


# Heading and text of the columns of a table of instances; those that are empty in every row are left out.
COLUMNS: dict[str, Callable[[InstanceRow], str]] = {
    "#": lambda row: str(row.number),
    "instance": lambda row: shown(row.prompt),
    "": lambda row: "pass" if row.passed else "FAIL",
    "overlap": lambda row: f"{row.overlap:.2f}",
    "point in mask": lambda row: share(row.point_in_mask),
    "scribble in mask": lambda row: share(row.scribble_in_mask),
    "colour": lambda row: yes_no(row.color_right),
    "texture": lambda row: yes_no(row.texture_right),
    "leakage": lambda row: share(row.leakage),
    "CLIP": lambda row: "" if row.clip is None else f"{row.clip:.3f}",
    "what is wrong": lambda row: shown(row.reason),
}


MAX_PROMPT = 80  # characters of a prompt in a line of the text


def rows_table(records: Iterable[Record], failed_only: bool = False) -> str:
    """Markdown: a line for each instance, with the picture's name before it if there are several pictures."""
    records = list(records)
    chosen = [(record, row) for record in records for row in record.rows if not (failed_only and row.passed)]
    if not chosen:
        return "No instance failed." if failed_only else "There are no instances."
    cells = {name: [text(row) for _, row in chosen] for name, text in COLUMNS.items()}
    if len(records) > 1:
        cells = {"picture": [shown(record.name) for record, _ in chosen], **cells}
    cells = {name: column for name, column in cells.items() if any(column)}
    lines = ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]
    return "\n".join(lines + ["| " + " | ".join(line) + " |" for line in zip(*cells.values(), strict=True)])


def rows_text(records: Iterable[Record]) -> str:
    """A line for each instance, with a heading before each picture's if there are several: reads well as plain text and as Markdown."""
    records = list(records)
    several, lines = len(records) > 1, []
    for record in records:
        if several:
            lines += ["", f"Picture {record.name}:", ""]
        lines += [_row_text(row) for row in record.rows]
    return "\n".join(lines).strip()


def _row_text(row: InstanceRow) -> str:
    """ "- 2 (a red star): FAIL, overlap 0.61, colour wrong: green instead of red" """
    values = ((name, text(row)) for name, text in COLUMNS.items() if name not in ("#", "instance", "", "what is wrong"))
    numbers = "".join(f", {name} {value}" for name, value in values if value)
    reason = f": {row.reason}" if row.reason else ""
    prompt = " ".join(row.prompt.split())[:MAX_PROMPT] or "no prompt"
    return f"- {row.number} ({prompt}): {'pass' if row.passed else 'FAIL'}{numbers}{reason}"


def shown(text: str, length: int = 80) -> str:
    """Text as a cell of a Markdown table."""
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= length else text[:length] + "..."


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def yes_no(value: bool | None) -> str:
    return "" if value is None else "right" if value else "wrong"
