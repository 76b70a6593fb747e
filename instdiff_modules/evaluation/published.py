"""The numbers that were published, as tables. Nothing here was measured by us. COCO's stand here, those of the other benchmarks in
`published_benchmarks.py`.

Paper: Wang et al., InstanceDiffusion, CVPR 2024 (arXiv 2402.03290), MSCOCO val2017. Reproduction: Stuger, Ibrahimi, Becker,
van Emmerik, van der Lee, "A Deep Dive Into InstanceDiffusion" (2024), a tenth of the pictures. Neither says how FID was
taken, so it stands here for comparison and is not computed.
"""

from typing import NamedTuple

VAL2017 = 5000  # pictures of the paper's numbers
PAPER, REPRODUCTION = "paper", "reproduction"


class Measure(NamedTuple):
    """One column: `key` names it in the results ("fid" is never measured). Shown as it was published: in percent, or as it is, with so many
    digits."""

    key: str
    heading: str
    percent: bool = True
    digits: int = 1


class Row(NamedTuple):
    """Published numbers, one for each measure of the table, as they were published; None where nothing was."""

    name: str
    values: tuple[float | None, ...]


class Table(NamedTuple):
    """format: what the layouts held. rows: published ones; compare: the name of that to which the run's difference is given. whole: pictures
    of the published numbers. sources: where the rows are from, and how they were measured, for people; empty for the paper's own.
    subset_misleads: the first pictures of val2017 alone gave the reproduction far higher numbers than the paper has for all of them."""

    format: str
    title: str
    measures: tuple[Measure, ...]
    rows: tuple[Row, ...]
    compare: str
    whole: int
    sources: tuple[str, ...] = ()
    subset_misleads: bool = False


FID = Measure("fid", "FID", percent=False)
LOCAL_CLIP = Measure("local_clip", "CLIP local", percent=False, digits=3)


def _coco(
    format: str,
    title: str,
    measures: tuple[Measure, ...],
    paper: tuple[float | None, ...],
    reproduction: tuple[float | None, ...],
    misleads: bool = False,
) -> Table:
    rows = Row(PAPER, paper), Row(REPRODUCTION, reproduction)
    return Table(format, title, measures, rows, PAPER, VAL2017, subset_misleads=misleads)


COCO_TABLES = (
    _coco("box", "Bounding boxes", (Measure("box_ap", "AP box"), Measure("box_ap50", "AP50 box"), Measure("box_ar", "AR box"), FID),
          (38.8, 55.4, 52.9, 23.9), (49.9, 66.8, 68.6, None), True),
    _coco("mask", "Instance masks", (Measure("mask_ap", "AP mask"), Measure("mask_ap50", "AP50 mask"), Measure("mask_ar", "AR mask"), FID),
          (27.1, 50.0, 38.1, 25.5), (40.8, 63.5, 56.0, None), True),
    _coco("point", "Points", (Measure("authors_pim_point", "PiM"), FID), (81.1, 27.5), (None, None)),
    _coco("scribble", "Scribbles", (Measure("authors_pim_scribble", "PiM"), FID), (72.4, 27.3), (None, None)),
    _coco("colors", "Attribute binding: colours", (Measure("clip_color_acc", "Acc colour"), LOCAL_CLIP), (54.4, 0.250), (53.3, 0.248)),
    _coco("textures", "Attribute binding: textures", (Measure("clip_texture_acc", "Acc texture"), LOCAL_CLIP), (26.8, 0.225), (26.9, 0.226)),
)  # fmt: skip
