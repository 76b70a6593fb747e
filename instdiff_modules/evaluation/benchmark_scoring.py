"""The pictures of COCO-MIG, OverLayBench and LayoutSAM-Eval measured: by a detector's predictions, recorded answers, or the shape world's
exact detector, which stands for all of them on pictures of the demo model."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..layout.instance import Layout
from ..layout.json_text import read_json
from ..metrics.detection import SHAPES, detect_shapes
from ..metrics.folder import fingerprint
from ..metrics.matching import ious, match, same_class
from ..metrics.mig import RANGES, mig_rows, mig_totals
from ..metrics.overlaps import mean_box_iou, mean_overlap_iou, orders
from ..metrics.pictures import read_picture
from ..metrics.record import Record, Region
from ..metrics.score import Settings, score_picture
from ..metrics.sources import Predictions
from ..metrics.verdicts import Judge, ShapeJudge, judge_picture, verdict_totals
from .annotations import MOST_READ
from .answers import entity_rate, found_boxes, read_overlay_answers, read_verdicts, relation_rate
from .benchmarks import LAYOUTSAM, MIG
from .predictions import regions_of
from .run_files import RunFolder
from .said import say
from .scoring import Values, named, wanted_regions

Records = Callable[[str, Layout], Record]


def measure(
    options: argparse.Namespace, folder: RunFolder, names: list[str], format: str, categories: dict[str, str]
) -> tuple[Values, str]:
    """The numbers of a run by the keys of its table, 0..1, and who saw what. ValueError for options that do not fit the benchmark."""
    _check(options, format)
    if format == LAYOUTSAM:
        return _layoutsam(options, folder, names)
    sources = [fingerprint(path) for path in options.answers or ()]
    records: Records | None = None
    predictions = None
    if options.detector is not None:
        records = _of_shapes(folder)
        sources.insert(0, "the shape world's detector")
    elif options.predictions is not None:
        table = read_json(options.categories) if options.categories else categories
        predictions = Predictions(read_json(options.predictions, limit=MOST_READ), table)
        if not any(predictions.entries(name) for name in names):
            raise ValueError(
                f"The predictions are of none of the {len(names)} pictures ({names[0]}, ...): they must be made on {folder.pictures}."
            )
        records = _of_predictions(predictions)
        sources.insert(0, fingerprint(options.predictions))
    values = _mig(folder, names, records) if format == MIG else _overlay(options, folder, names, records)
    if predictions is not None:
        predictions.warn_of_masks()
    return values, ", ".join(sources)


def by_judge(folder: RunFolder, names: Sequence[str], judge: Judge) -> Values:
    """LayoutSAM-Eval's four measures by any judge: a multimodal model of yours, for example."""
    return verdict_totals(
        [judge_picture(read_picture(folder.picture(name)), folder.layout(name).instances, judge) for name in names]
    )


def _check(options: argparse.Namespace, format: str) -> None:
    if options.clip is not None:
        raise ValueError(f"--clip is for COCO's formats colors and textures, not for {format}: leave it out.")
    if format == LAYOUTSAM and options.predictions is not None:
        raise ValueError(
            f"{format} is measured by a multimodal model's answers: give --answers FILE instead of --predictions."
        )
    if format == MIG and options.answers:
        raise ValueError(f"{format} is measured by a detector: give --predictions FILE instead of --answers.")
    if not (options.answers or options.predictions or options.detector):
        wants = {MIG: "--predictions FILE", LAYOUTSAM: "--answers FILE"}.get(
            format, "--predictions FILE or --answers FILES"
        )
        raise ValueError(
            f"No detections are given: give {wants}, or --detector shapeworld for pictures of the demo model."
        )
    if options.detector is not None and options.answers:
        raise ValueError("--detector shapeworld answers everything that it can: leave --answers out.")


def _layoutsam(options: argparse.Namespace, folder: RunFolder, names: list[str]) -> tuple[Values, str]:
    if options.detector is not None:
        return by_judge(folder, names, ShapeJudge()), "the shape world's detector"
    if len(options.answers) > 1:
        raise ValueError(f"--answers of {LAYOUTSAM} is one file, got {len(options.answers)}.")
    boxes = {name: len(folder.layout(name).instances) for name in names}
    return verdict_totals(read_verdicts(options.answers[0], boxes)), fingerprint(options.answers[0])


def _mig(folder: RunFolder, names: Sequence[str], records: Records | None) -> Values:
    assert records is not None  # as _check has it
    rows = []
    for name in names:
        layout = folder.layout(name)
        colors = [_known(i.extra.get("mig_color"), lambda v: v in RANGES, folder, name) for i in layout.instances]
        rows.append(mig_rows(records(name, layout), read_picture(folder.picture(name)), colors))
    totals = mig_totals(rows)
    if totals["mig_success"] is None:
        say("The detections have no masks, so the colours of the objects are unknown, and with them all measures.")
    return totals


def _overlay(options: argparse.Namespace, folder: RunFolder, names: Sequence[str], records: Records | None) -> Values:
    layouts = {name: folder.layout(name) for name in names}
    called = {
        name: [
            _known(i.extra.get("overlay_name"), lambda v: isinstance(v, str), folder, name) for i in layout.instances
        ]
        for name, layout in layouts.items()
    }
    relations = {
        name: _known(layout.extra.get("relations"), _are_texts, folder, name) for name, layout in layouts.items()
    }
    values: Values = {}
    if options.answers:
        said = read_overlay_answers(options.answers, called)
        if said.entities is not None:
            values["sr_entity"] = entity_rate(said.entities, called)
        if said.relations is not None:
            values["sr_relation"] = relation_rate(said.relations, relations)
        if said.boxes is not None:
            if records is not None:
                raise ValueError("Both --predictions and --answers hold boxes: leave one of them out.")
            boxes = said.boxes
            records = lambda name, layout: _record(name, layout, found_boxes(boxes.get(name, {}), layout.width or 0))  # noqa: E731
    if records is not None:
        made = [records(name, layout) for name, layout in layouts.items()]
        pairs = [_pairs(layout, folder, name) for name, layout in layouts.items()]
        values["miou"] = mean_box_iou(made, [ious(record.wanted, record.found, "box") for record in made])
        values["o_miou"] = mean_overlap_iou(made, pairs)
        fronts = [right for record in made for _, _, right in orders(record)]
        if fronts:
            values["order_acc"] = sum(fronts) / len(fronts)
        passed = [row.passed for record in made for row in record.rows]
        if passed:  # the shape world's detector knows what the prompts ask
            values["sr_entity"] = sum(passed) / len(passed)
    return values


def _pairs(layout: Layout, folder: RunFolder, name: str) -> list[tuple[int, int]]:
    count = len(layout.instances)

    def fits(value: Any) -> bool:
        return isinstance(value, (list, tuple)) and all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 and all(type(i) is int and 0 <= i < count for i in pair)
            for pair in value
        )

    return [(first, second) for first, second in _known(layout.extra.get("overlaps"), fits, folder, name)]


def _are_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)


def _known(value: Any, fits: Callable[[Any], bool], folder: RunFolder, name: str) -> Any:
    """value, if it is what the reader of the benchmark wrote."""
    if not fits(value):
        raise ValueError(
            f"{folder.layout_path(name)} is not a layout of this benchmark. Delete it and run the command that made the pictures again."
        )
    return value


def _of_shapes(folder: RunFolder) -> Records:
    def record(name: str, layout: Layout) -> Record:
        picture = read_picture(folder.picture(name))
        shown = replace(layout, instances=tuple(replace(i, visible=True, point=None) for i in layout.instances))
        size = picture.shape[1], picture.shape[0]
        return score_picture(name, shown, detect_shapes(picture), size, Settings(categories=SHAPES), picture)

    return record


def _of_predictions(predictions: Predictions) -> Records:
    return lambda name, layout: _record(name, layout, named(regions_of(predictions, name, layout.width or 0)))


def _record(name: str, layout: Layout, found: tuple[Region, ...]) -> Record:
    """Each instance with the detection of its class whose box fits best, one to one."""
    wanted = wanted_regions(layout)
    overlap = np.nan_to_num(ious(wanted, found, "box"))
    matches = match(overlap, same_class(wanted, found), [region.score for region in found])
    return Record(name, layout.width or 0, layout.height or 0, wanted, found, matches, ())
