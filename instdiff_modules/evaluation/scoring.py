"""An evaluation's pictures measured: regions from a detector's predictions or the shape world's detector, attributes by CLIP."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from ..layout.instance import Layout
from ..metrics.authors import KINDS, points_in_mask
from ..metrics.average_precision import average_precision
from ..metrics.classes import detection_class, instance_class
from ..metrics.clip import LocalClip
from ..metrics.detection import SHAPES, Detection, detect_shapes
from ..metrics.pictures import read_picture
from ..metrics.record import Record, Region
from ..metrics.report import MEANS, mean_by_picture, summarise
from ..metrics.score import Settings, score_picture
from ..metrics.sources import Predictions
from .coco import canvas_size, pixel_box
from .predictions import regions_of
from .run_files import RunFolder

Values = dict[str, float | None]  # by the keys of metrics.report.Totals, 0..1
CLIP_MEASURES = {"colors": ("local_clip", "clip_color_acc"), "textures": ("local_clip", "clip_texture_acc")}


def by_predictions(folder: RunFolder, names: Sequence[str], format: str, predictions: Predictions) -> Values:
    """COCO's averages of boxes and masks, and for points and scribbles the authors' Points-in-Mask. ValueError if the
    predictions are of other pictures."""
    if names and not any(predictions.entries(name) for name in names):
        raise ValueError(
            f"The predictions are of none of the {len(names)} pictures ({names[0]}, ...): they must be made on {folder.pictures}."
        )
    records = [_record(name, folder.layout(name), predictions) for name in names]
    predictions.warn_of_masks()
    box, mask = (average_precision(records, kind) for kind in ("box", "mask"))
    values: Values = {
        "box_ap": box.ap,
        "box_ap50": box.ap50,
        "box_ar": box.ar,
        "mask_ap": mask.ap,
        "mask_ap50": mask.ap50,
        "mask_ar": mask.ar,
    }
    if format in KINDS:
        masked = all(region.mask is not None for record in records for region in record.found)
        values[f"authors_pim_{format}"] = points_in_mask(records, format) if masked else None
    return values


def by_shape_world(folder: RunFolder, names: Sequence[str]) -> Values:
    """Everything that the exact detector of the shape world's pictures tells."""
    settings = Settings(categories=SHAPES)
    records = []
    for name in names:
        picture, layout = read_picture(folder.picture(name)), _truth(folder.layout(name))
        size = picture.shape[1], picture.shape[0]
        records.append(score_picture(name, layout, detect_shapes(picture), size, settings, picture, colors=True))
    totals = asdict(summarise(records))
    return {key: value for key, value in totals.items() if isinstance(value, float)}


def by_clip(
    folder: RunFolder, names: Sequence[str], format: str, clip: LocalClip, said: Callable[[int], None]
) -> Values:
    """The authors' test of attributes: of each requested instance the crop of its box. said(n): n pictures are done."""
    records = []
    for name in names:
        picture = read_picture(folder.picture(name))
        records.append(
            score_picture(
                name, folder.layout(name), (), (picture.shape[1], picture.shape[0]), picture=picture, clip=clip
            )
        )
        said(len(records))
    return {key: mean_by_picture(records, MEANS[key]) for key in CLIP_MEASURES[format]}


def _record(name: str, layout: Layout, predictions: Predictions) -> Record:
    """Regions alone: which detection stands for which instance is the averages' own question."""
    wanted, (width, height) = wanted_regions(layout), canvas_size(layout)
    found = named(regions_of(predictions, name, width))
    return Record(name, width, height, wanted, found, (None,) * len(wanted), ())


def wanted_regions(layout: Layout) -> tuple[Region, ...]:
    """All instances of a layout that an evaluation made, hidden ones too, with their classes."""
    return tuple(
        Region(
            instance_class(instance, "category", ()),
            pixel_box(instance, layout),
            instance.mask,
            crowd=bool(instance.extra.get("iscrowd")),
        )
        for instance in layout.instances
    )


def named(found: Sequence[Region]) -> tuple[Region, ...]:
    """Regions of predictions whose labels are turned into classes."""
    return tuple(replace(region, name=_class(region.name)) for region in found)


@functools.cache
def _class(label: str | None) -> str | None:
    return detection_class(Detection(label, (0.0, 0.0, 1.0, 1.0)), "category")


def _truth(layout: Layout) -> Layout:
    """With the instances that were not requested."""
    return replace(layout, instances=tuple(replace(instance, visible=True) for instance in layout.instances))
