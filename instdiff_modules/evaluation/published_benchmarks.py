"""The published rows of COCO-MIG, OverLayBench and LayoutSAM-Eval, each with its source. Nothing here was measured by us.

InstanceDiffusion's rows are others' runs of the authors' weights; two sources of COCO-MIG differ by nine points for the same model.
"""

from ..metrics.mig import LEVELS
from .benchmarks import LAYOUTSAM, MIG, OVERLAY
from .published import Measure, Row, Table

CONTEXTGEN = "ContextGen, ICLR 2026, table 2"
MIG_LEVELS = ("", *(f"_l{level}" for level in LEVELS))
MIG_HEADINGS = ("all", *(f"L{level}" for level in LEVELS))


def _mig(name: str, success: tuple[float, ...], miou: tuple[float, ...]) -> Row:
    """MIG_Bench's shares: L2 to L6 and all."""
    return Row(f"{name} [1]", (None, *(100 * v for v in (success[-1], *success[:-1], miou[-1], *miou[:-1]))))


def _context(name: str, pictures: float, success: float, miou: float) -> Row:
    none = (None,) * len(LEVELS)
    return Row(f"{name} [2]", (pictures, success, *none, miou, *none))


MIG_TABLE = Table(
    MIG,
    "COCO-MIG",
    (
        Measure("mig_pictures", "pictures all right"),
        *(Measure(f"mig_success{key}", f"success {head}") for key, head in zip(MIG_LEVELS, MIG_HEADINGS, strict=True)),
        *(Measure(f"mig_miou{key}", f"mIoU {head}") for key, head in zip(MIG_LEVELS, MIG_HEADINGS, strict=True)),
    ),
    (
        _mig("BoxDiff", (0.28, 0.24, 0.14, 0.12, 0.13, 0.16), (0.37, 0.33, 0.25, 0.23, 0.23, 0.26)),
        _mig("GLIGEN", (0.42, 0.32, 0.27, 0.27, 0.28, 0.30), (0.37, 0.29, 0.253, 0.26, 0.26, 0.27)),
        _mig("ReCo", (0.63, 0.53, 0.55, 0.52, 0.55, 0.55), (0.55, 0.48, 0.49, 0.47, 0.49, 0.49)),
        _mig("InstanceDiffusion", (0.58, 0.52, 0.55, 0.47, 0.47, 0.51), (0.52, 0.48, 0.50, 0.42, 0.42, 0.46)),
        _mig("MIGC", (0.74, 0.67, 0.67, 0.63, 0.66, 0.66), (0.64, 0.58, 0.57, 0.54, 0.57, 0.56)),
        _context("GLIGEN", 4.25, 29.56, 27.44),
        _context("InstanceDiffusion", 23.00, 60.28, 54.79),
        _context("3DIS", 18.88, 55.44, 49.35),
        _context("CreatiLayout", 19.12, 54.69, 48.96),
        _context("MIGC", 27.75, 66.44, 56.96),
        _context("EliGen", 26.00, 64.12, 59.23),
        _context("ContextGen", 33.12, 69.72, 65.12),
    ),
    "InstanceDiffusion [1]",
    800,
    (
        "[1] MIG_Bench's README (github.com/LeyRio/MIG_Bench), 800 layouts. Its detector is GroundingDINO, its masks are Segment Anything's.",
        f"[2] {CONTEXTGEN}.",
    ),
)  # fmt: skip


OVERLAY_SOURCE = (
    "Published: the leaderboard of OverLayBench's project page (mlpc-ucsd.github.io/OverLayBench), whose parts simple, regular and complex are "
    "taken to be the files' simple, medium and hard. Boxes and answers there are Qwen2.5-VL-32B's."
)


def _overlay(split: str, title: str, whole: int, rows: tuple[tuple[str, float, float, float, float], ...]) -> Table:
    measures = (
        Measure("miou", "mIoU"),
        Measure("o_miou", "O-mIoU"),
        Measure("sr_entity", "SR entity"),
        Measure("sr_relation", "SR relation"),
    )
    published = tuple(Row(name, tuple(values)) for name, *values in rows)
    return Table(
        OVERLAY[split], f"OverLayBench, {title}", measures, published, "InstanceDiffusion", whole, (OVERLAY_SOURCE,)
    )


OVERLAY_TABLES = (
    _overlay("simple", "simple", 2052, (
        ("GLIGEN", 60.54, 36.22, 49.99, 78.72), ("InstanceDiffusion", 71.21, 49.99, 77.71, 87.49), ("MIGC", 58.64, 32.15, 63.41, 81.60),
        ("HiCo", 69.47, 47.23, 67.75, 86.08), ("3DIS", 65.75, 38.38, 86.24, 86.98), ("EliGen", 68.17, 43.72, 86.50, 89.67),
        ("CreatiLayout-SD3", 58.78, 32.52, 72.34, 84.45), ("CreatiLayout-FLUX", 71.17, 49.80, 84.35, 90.87), ("DreamRender", 67.60, 43.45, 88.80, 90.07),
        ("InstanceAssemble", 76.08, 56.02, 76.65, 87.86), ("Laytrol", 74.86, 56.42, 86.02, 91.22), ("BoxDiff", 24.48, 7.71, 42.03, 69.94),
        ("RegionalPrompting", 42.54, 20.10, 73.49, 75.81), ("DepthArb", 28.63, 13.97, 51.67, 73.34),
    )),
    _overlay("medium", "medium (regular)", 1000, (
        ("GLIGEN", 52.46, 26.53, 44.88, 77.46), ("InstanceDiffusion", 60.08, 34.15, 72.51, 83.36), ("MIGC", 47.42, 20.06, 56.67, 77.85),
        ("HiCo", 55.02, 29.60, 58.24, 79.89), ("3DIS", 55.66, 27.29, 80.80, 83.69), ("EliGen", 58.56, 32.62, 80.85, 84.42),
        ("CreatiLayout-SD3", 47.04, 20.67, 62.60, 78.31), ("CreatiLayout-FLUX", 59.72, 35.51, 77.20, 86.39), ("DreamRender", 58.08, 33.00, 83.52, 84.95),
        ("InstanceAssemble", 66.00, 41.05, 69.53, 82.75), ("Laytrol", 65.18, 42.86, 80.26, 86.75), ("BoxDiff", 19.40, 5.33, 37.58, 71.81),
        ("RegionalPrompting", 32.72, 12.29, 63.74, 67.08), ("DepthArb", 23.46, 7.14, 45.45, 73.07),
    )),
    _overlay("hard", "hard (complex)", 1000, (
        ("GLIGEN", 50.79, 23.85, 41.70, 79.93), ("InstanceDiffusion", 53.68, 25.63, 66.02, 80.34), ("MIGC", 40.04, 13.26, 47.80, 74.48),
        ("HiCo", 46.56, 20.35, 48.88, 75.19), ("3DIS", 50.65, 21.75, 74.31, 81.57), ("EliGen", 52.53, 26.19, 74.03, 84.09),
        ("CreatiLayout-SD3", 44.24, 18.05, 52.10, 79.98), ("CreatiLayout-FLUX", 54.50, 28.97, 69.72, 86.45), ("DreamRender", 52.47, 26.13, 77.87, 84.93),
        ("InstanceAssemble", 61.17, 33.96, 60.17, 83.96), ("Laytrol", 61.49, 37.82, 72.77, 86.08), ("BoxDiff", 20.02, 5.21, 33.52, 76.41),
        ("RegionalPrompting", 28.35, 9.05, 53.56, 60.37), ("DepthArb", 34.22, 13.56, 74.29, 77.13),
    )),
)  # fmt: skip

LAYOUTSAM_TABLE = Table(
    LAYOUTSAM,
    "LayoutSAM-Eval",
    (Measure("spatial", "spatial"), Measure("color", "colour"), Measure("texture", "texture"), Measure("shape", "shape")),
    tuple(Row(name, values) for name, values in (
        ("GLIGEN", (77.35, 54.86, 59.38, 57.75)), ("InstanceDiffusion", (86.39, 71.39, 76.73, 75.37)), ("3DIS", (88.34, 80.97, 82.52, 81.30)),
        ("CreatiLayout", (93.59, 77.43, 79.62, 78.89)), ("MIGC", (86.04, 71.07, 74.88, 73.37)), ("EliGen", (94.05, 83.84, 87.31, 87.01)),
        ("ContextGen", (93.96, 87.44, 89.26, 88.36)),
    )),
    "InstanceDiffusion",
    5000,
    (f"Published: {CONTEXTGEN}. The benchmark's own script asks MiniCPM-V 2.6.",),
)  # fmt: skip

BENCHMARK_TABLES = (MIG_TABLE, *OVERLAY_TABLES, LAYOUTSAM_TABLE)
