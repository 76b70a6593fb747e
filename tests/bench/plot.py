"""Cost of a whole run over the number of instances, as a picture."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # drawn larger and made smaller: smooth lines
SIZE, LEFT, TOP, RIGHT, BOTTOM = (760, 420), 60, 46, 24, 52
BACK, INK, GRID = (255, 255, 255), (40, 44, 52), (222, 225, 230)
BLUE, ORANGE, RED, GREEN = (33, 102, 204), (222, 120, 20), (190, 50, 60), (40, 140, 70)
# Seconds that are published for this method with its sampler, over those of methods without branches (GLIGEN, MIGC).
PUBLISHED = [(2, 18.7 / 7.3), (6, 34.6 / 7.3)]
Point = tuple[float, float]


class Axes:
    """A chart with its origin at (0, 0)."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (SIZE[0] * SCALE, SIZE[1] * SCALE), BACK)
        self.draw = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(13 * SCALE)
        self.row = 0

    def at(self, point: Point) -> Point:
        x = LEFT + point[0] / self.width * (SIZE[0] - LEFT - RIGHT)
        y = SIZE[1] - BOTTOM - point[1] / self.height * (SIZE[1] - TOP - BOTTOM)
        return x * SCALE, y * SCALE

    def text(self, x: float, y: float, words: str, color: tuple = INK, anchor: str = "mm") -> None:
        self.draw.text((x * SCALE, y * SCALE), words, fill=color, font=self.font, anchor=anchor)

    def grid(self, across: Sequence[int], up: Sequence[int]) -> None:
        for y in up:
            self.draw.line([self.at((0, y)), self.at((self.width, y))], fill=GRID, width=SCALE)
            self.text(LEFT - 14, self.at((0, y))[1] / SCALE, str(y))
        for x in across:
            self.text(self.at((x, 0))[0] / SCALE, SIZE[1] - BOTTOM + 14, str(x))

    def series(self, name: str, points: Sequence[Point], color: tuple, dashed: bool = False) -> None:
        """A line through the points, and its name in the legend."""
        places = [self.at(point) for point in sorted(points)]
        for start, end in pairwise(places):
            self._line(start, end, color, dashed)
        if not dashed:
            for x, y in places:
                self.draw.ellipse([x - 4 * SCALE, y - 4 * SCALE, x + 4 * SCALE, y + 4 * SCALE], fill=color)
        y = TOP + 10 + 20 * self.row
        self._line(((LEFT + 16) * SCALE, y * SCALE), ((LEFT + 46) * SCALE, y * SCALE), color, dashed)
        self.text(LEFT + 54, y, name, anchor="lm")
        self.row += 1

    def _line(self, start: Point, end: Point, color: tuple, dashed: bool) -> None:
        pieces = (
            max(1, int(((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5 / (6 * SCALE))) if dashed else 1
        )
        for i in range(0, pieces, 2):
            a, b = (
                tuple(s + (e - s) * k / pieces for s, e in zip(start, end, strict=True))
                for k in (i, min(i + 1, pieces))
            )
            self.draw.line([a, b], fill=color, width=2 * SCALE)


def draw(data: dict[str, Any]) -> Image.Image:
    """The picture for the figures of tests/bench/cost.py; they must hold full_<size> and some mis<N>_exact of that size."""
    ratios, limits = data["ratios"], data["limits"]
    numbers = sorted(
        int(name[3:].partition("_")[0]) for name in ratios if name.startswith("mis") and name.endswith("_exact")
    )
    size = next((one["size"] for one in data["rounds"] if one["case"].startswith("mis")), None)
    full = f"full_{size}"
    if not numbers or full not in ratios:
        raise SystemExit("Expected figures of multi-instance sampling and of full at the same size, found none.")
    flat = {
        4: full,
        **{
            int(name[9:].partition("_")[0]): name
            for name in ratios
            if name.startswith("instances") and name.endswith(f"_{size}")
        },
    }
    width = max(numbers[-1], 6) + 0.5
    branched = [(n, ratios[f"mis{n}_exact"] * ratios[full]) for n in numbers]
    limit = [(n, limits[f"mis{n}_exact"] * limits[full]) for n in numbers]
    height = max(y for _, y in [*branched, *PUBLISHED]) * 1.35
    axes = Axes(width, height)
    axes.grid(range(int(width) + 1), range(int(height) + 1))
    axes.text(
        SIZE[0] / 2,
        20,
        f"Time of 20 guided steps at {size}x{size} over the plain KSampler's ({data['machine']['device']})",
    )
    axes.text(SIZE[0] / 2, SIZE[1] - 16, "instances")
    axes.series("published: InstanceDiffusion with its sampler, over GLIGEN", PUBLISHED, RED)
    axes.series("multi-instance sampling, share 0.2", branched, ORANGE)
    axes.series("its multiply-adds", limit, ORANGE, dashed=True)
    if groups := [(n, ratios[f"mis{n}_fast"] * ratios[full]) for n in numbers if f"mis{n}_fast" in ratios]:
        axes.series("the same, two groups", groups, GREEN)
    axes.series("Apply InstDiff alone", [(n, ratios[name]) for n, name in flat.items() if n <= width], BLUE)
    axes.series("its multiply-adds", [(0.5, limits[full]), (width, limits[full])], BLUE, dashed=True)
    return axes.image.resize(SIZE, Image.Resampling.LANCZOS)
