"""What a training leaves to be looked at: a table of its losses and their curves, and the line that shows how far it is."""

import csv
import importlib
import importlib.util
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from .states import whole_file

COLUMNS: Sequence[str] = ("step", "loss", "held_out_loss", "learning_rate", "gradient_norm")
_SIZE, _EDGE = (900, 480), 60
_COLORS = {"loss": "#4363d8", "held_out_loss": "#e6194b"}


class Board:
    """TensorBoard's files in `folder`, where TensorBoard is installed; elsewhere nothing happens."""

    def __init__(self, folder: Path, step: int) -> None:
        """step: where the training goes on; what was written of later steps is hidden."""
        self.writer: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            board = importlib.import_module("torch.utils.tensorboard")
            self.writer = board.SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, step: int, **numbers: float) -> None:
        for name, number in numbers.items() if self.writer else ():
            self.writer.add_scalar(name, number, step)

    def add_picture(self, step: int, path: Path) -> None:
        """The PNG with the samples."""
        if self.writer:
            with Image.open(path) as picture:
                self.writer.add_image("samples", np.asarray(picture), step, dataformats="HWC")


class Table:
    """losses.csv: a row for each step, in which the held-out loss stands where it was measured."""

    def __init__(self, path: Path, step: int) -> None:
        """step: where the training goes on; rows beyond it are of steps that were lost, and go."""
        self.path = path
        self.rows = [row for row in _rows(path) if int(row["step"]) <= step]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with whole_file(path, "the table of losses") as unfinished:
            unfinished.write_text(text.getvalue(), encoding="utf-8")

    def add(self, step: int, loss: float, rate: float, norm: float) -> None:
        self._add({"step": step, "loss": f"{loss:.6g}", "learning_rate": f"{rate:.6g}", "gradient_norm": f"{norm:.4g}"})

    def add_held_out(self, step: int, loss: float) -> None:
        self._add({"step": step, "held_out_loss": f"{loss:.6g}"})

    def _add(self, row: dict[str, object]) -> None:
        full = {name: str(row.get(name, "")) for name in COLUMNS}
        self.rows.append(full)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(full)

    def draw(self, path: Path) -> None:
        """The curves as a PNG."""
        with whole_file(path, "the curves") as unfinished:
            self.picture().save(unfinished, "PNG")

    def picture(self) -> Image.Image:
        """The curves: every loss as a dot, its running mean as a line."""
        names = ("loss", "held_out_loss")
        return _plot({name: [(int(row["step"]), float(row[name])) for row in self.rows if row[name]] for name in names})


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # a process that was killed may have left half a line
    return [row for row in rows if all(row.get(name) is not None for name in COLUMNS) and row["step"].isdigit()]


def _plot(curves: dict[str, list[tuple[int, float]]]) -> Image.Image:
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    points = [point for curve in curves.values() for point in curve if point[1] < float("inf")]
    if not points:
        return picture
    last, ordered = max(step for step, _ in points), sorted(value for _, value in points)
    low, high = ordered[0], ordered[int(0.99 * (len(ordered) - 1))]
    span = max(high - low, 1e-9)

    def at(step: float, value: float) -> tuple[float, float]:
        x = _EDGE + (_SIZE[0] - 2 * _EDGE) * step / max(last, 1)
        return x, _SIZE[1] - _EDGE - (_SIZE[1] - 2 * _EDGE) * (min(max(value, low), high) - low) / span

    for share in (0, 0.25, 0.5, 0.75, 1):
        value, step = low + share * span, round(share * last)
        draw.line([at(0, value), at(last, value)], "#dddddd")
        draw.text((4, at(0, value)[1] - 6), f"{value:.4f}", "black")
        draw.text((at(step, low)[0] - 12, _SIZE[1] - _EDGE + 8), str(step), "black")
    for place, (name, curve) in enumerate(curves.items()):
        draw.text((_EDGE + 160 * place, 16), name.replace("_", "-"), _COLORS[name])
        held, line, mean = name == "held_out_loss", [], 0.0
        for seen, (step, value) in enumerate(curve, 1):
            mean = value if held else running_mean(mean, value, seen)
            line.append(at(step, mean))
            x, y = at(step, value)
            draw.rectangle((x - 1, y - 1, x + 1, y + 1), _COLORS[name] if held else "#c9d3f5")
        if len(line) > 1:
            draw.line(line, _COLORS[name], 2)
    return picture


def running_mean(mean: float, value: float, seen: int) -> float:
    """Of the last fifty values or so; of all of them, `seen`, while they are fewer."""
    return mean + (value - mean) / min(seen, 50)


class Progress:
    """One line: step, loss, time left, memory."""

    def __init__(self, first: int, last: int, device: torch.device) -> None:
        self.first, self.last, self.device, self.mean = first, last, device, 0.0
        self.timed, self.began, self.said = first, 0.0, 0.0

    def line(self, step: int, loss: float, rate: float) -> str | None:
        """None where the last line was less than a second ago."""
        self.mean = running_mean(self.mean, loss, step - self.first)
        now = time.monotonic()
        if self.timed == self.first:  # the first step also warms up, so the clock starts behind it
            self.timed, self.began = step, now
        if now - self.said < 1 and step < self.last:
            return None
        self.said = now
        text = f"step {step}/{self.last}  loss {self.mean:.4f}  lr {rate:.2e}"
        if step > self.timed:
            seconds = (now - self.began) / (step - self.timed)
            text += f"  {seconds:.2f} s a step, {duration(seconds * (self.last - step))} left"
        return text + memory(self.device)


def memory(device: torch.device) -> str:
    """The most memory that was taken on a graphics card, as ", 6.1 GiB at most"; elsewhere nothing."""
    if device.type == "cpu" or not hasattr(torch.accelerator, "max_memory_allocated"):
        return ""
    return f", {torch.accelerator.max_memory_allocated(device) / 2**30:.1f} GiB at most"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
