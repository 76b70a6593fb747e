"""The numbers that were published: the paper's tables, and what a reproduction of them found. Nothing here was measured by us.

Paper: Wang et al., InstanceDiffusion, CVPR 2024 (arXiv 2402.03290), MSCOCO val2017. Reproduction: Stuger, Ibrahimi, Becker,
van Emmerik, van der Lee, "A Deep Dive Into InstanceDiffusion" (2024), a tenth of the pictures. Neither says how FID was
taken, so it stands here for comparison and is not computed.
"""

from typing import NamedTuple

VAL2017 = 5000  # pictures of the paper's numbers


class Measure(NamedTuple):
    """One column: `key` names it in the results (of `metrics.report.Totals`; "fid" is never measured). Shown as it was published:
    in percent, or, for CLIP's cosines, as it is. paper, reproduction: None where nothing was published."""

    key: str
    heading: str
    paper: float | None
    reproduction: float | None
    percent: bool = True


class Table(NamedTuple):
    """format: what the layouts held, one of `coco.BENCHMARK_FORMATS`. subset_misleads: the first pictures of val2017 alone gave
    the reproduction far higher numbers than the paper has for all of them."""

    format: str
    title: str
    measures: tuple[Measure, ...]
    subset_misleads: bool


TABLES = (
    Table("box", "Bounding boxes", (
        Measure("box_ap", "AP box", 38.8, 49.9), Measure("box_ap50", "AP50 box", 55.4, 66.8), Measure("box_ar", "AR box", 52.9, 68.6),
        Measure("fid", "FID", 23.9, None, percent=False),
    ), True),
    Table("mask", "Instance masks", (
        Measure("mask_ap", "AP mask", 27.1, 40.8), Measure("mask_ap50", "AP50 mask", 50.0, 63.5), Measure("mask_ar", "AR mask", 38.1, 56.0),
        Measure("fid", "FID", 25.5, None, percent=False),
    ), True),
    Table("point", "Points", (
        Measure("authors_pim_point", "PiM", 81.1, None), Measure("fid", "FID", 27.5, None, percent=False),
    ), False),
    Table("scribble", "Scribbles", (
        Measure("authors_pim_scribble", "PiM", 72.4, None), Measure("fid", "FID", 27.3, None, percent=False),
    ), False),
    Table("colors", "Attribute binding: colours", (
        Measure("clip_color_acc", "Acc colour", 54.4, 53.3), Measure("local_clip", "CLIP local", 0.250, 0.248, percent=False),
    ), False),
    Table("textures", "Attribute binding: textures", (
        Measure("clip_texture_acc", "Acc texture", 26.8, 26.9), Measure("local_clip", "CLIP local", 0.225, 0.226, percent=False),
    ), False),
)  # fmt: skip


def table_of(format: str) -> Table:
    """The published table of a format. KeyError for another word."""
    return {table.format: table for table in TABLES}[format]
