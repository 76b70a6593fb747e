"""What benches have in common that draw each of their conditions with many seeds: pictures kept in a folder, a table, a sheet."""

import argparse
import json
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from bench import write_pages
from bench.overlap_measures import interval
from bench.sheet import sheet
from PIL import Image
from support.pack import ROOT
from support.studio import Studio

HERE = Path(__file__).resolve().parent
BATCH = 8
SIDE, TITLE, SHOWN = 84, 400, 6  # of the sheet: pixels of a picture and of its row's title, pictures in a row

Condition = TypeVar("Condition")
Interval = tuple[float, float, float]  # mean, and the 95 % confidence interval


class Drawn(ABC, Generic[Condition]):
    """A bench of conditions, each a row of the table. Seed n gives every condition the same noise."""

    name: str  # of NAME.json beside this file and of web/docs/NAME.jpg

    @cached_property
    def studio(self) -> Studio:
        return Studio()

    @abstractmethod
    def conditions(self) -> Sequence[Condition]: ...

    @abstractmethod
    def key(self, condition: Condition) -> dict[str, Any]:
        """What the table calls it; no other condition has the same."""

    @abstractmethod
    def measures(self, condition: Condition) -> Sequence[str]: ...

    @abstractmethod
    def draw(self, condition: Condition, seeds: list[int]) -> list[np.ndarray]:
        """Pictures (H, W, 3) uint8."""

    @abstractmethod
    def measured(self, condition: Condition, seed: int, picture: np.ndarray) -> dict[str, float]:
        """Every measure of one picture, in 0..1."""

    @abstractmethod
    def shown(self, condition: Condition, values: dict[str, Interval]) -> tuple[list[str], Image.Image]:
        """A row of the sheet: the lines of its title, and the picture before those that were drawn."""

    def folder(self, condition: Condition) -> str:
        return re.sub(r"[^a-z0-9]+", "_", " ".join(map(str, self.key(condition).values())))

    def fill(self, folder: Path, condition: Condition, seeds: int) -> None:
        """Draw and measure what is missing of the first seeds."""
        own = folder / self.folder(condition)
        own.mkdir(parents=True, exist_ok=True)
        left = [n for n in range(seeds) if not (own / f"{n:03}.json").exists()]
        for at in range(0, len(left), BATCH):
            some = left[at : at + BATCH]
            for n, picture in zip(some, self.draw(condition, some), strict=True):
                Image.fromarray(picture).save(own / f"{n:03}.png")
                (own / f"{n:03}.json").write_text(json.dumps(self.measured(condition, n, picture)), encoding="utf-8")
            names = ", ".join(map(str, self.key(condition).values()))
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {names}: {some[-1] + 1}\n")

    def write(self, folder: Path) -> None:
        """The table and the sheet, of all that is in the folder. Conditions without pictures there keep their row of the table."""
        path = HERE / f"{self.name}.json"
        before = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
        rows, results = [], []
        for condition in self.conditions():
            own, key, names = folder / self.folder(condition), self.key(condition), self.measures(condition)
            read = [json.loads(one.read_text(encoding="utf-8")) for one in sorted(own.glob("*.json"))]
            if len(read) >= SHOWN:
                values = {name: interval([one[name] for one in read]) for name in names}
                results.append({**key, "pictures": len(read), **values})
                lines, example = self.shown(condition, values)
                drawn = [Image.open(own / f"{n:03}.png") for n in range(SHOWN)]
                rows.append(("\n".join(lines), [example, *drawn]))
            else:
                results += [one for one in before if key.items() <= one.items()]
        path.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")
        sheet(rows, SIDE, TITLE, 12).save(ROOT / "web" / "docs" / f"{self.name}.jpg", quality=85)
        write_pages.write()

    def main(self, about: str | None, seeds: int) -> None:
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("folder", type=Path)
        parser.add_argument("--seeds", type=int, default=seeds)
        parser.add_argument(
            "--only", nargs="*", default=[""], help="pieces of the names of conditions; numbers of tests"
        )
        parser.add_argument("--job", type=int, default=0, help="with --jobs: this one's share of the conditions")
        parser.add_argument("--jobs", type=int, default=1, help="run without at the end, for the table")
        args = parser.parse_args()
        chosen = [one for one in self.conditions() if any(self._named(one, only) for only in args.only)]
        for condition in chosen[args.job :: args.jobs]:
            self.fill(args.folder, condition, args.seeds)
        if args.jobs == 1:
            self.write(args.folder)

    def _named(self, condition: Condition, only: str) -> bool:
        values = self.key(condition).values()
        return int(only) in values if only.isdigit() else only in ", ".join(map(str, values))
