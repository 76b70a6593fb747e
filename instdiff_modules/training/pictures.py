"""Pictures of held-out layouts while a training runs: always the same layouts and noise, drawn, and scored where a detector knows them."""

import csv
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..geometry.crop import crop_instances
from ..grounding.inputs import GroundingInputs, build_grounding, null_grounding
from ..layout.instance import Layout
from ..metrics.detection import detect_shapes
from ..metrics.marks import draw_marks
from ..metrics.record import Record
from ..metrics.report import Totals, summarise
from ..metrics.score import Settings, score_picture
from ..preview.draw import draw_layout
from ..sampling.attention_mask import MaskedAttention
from ..shapeworld.vocabulary import SHAPES
from . import batches, objective
from .base import Base, Sizes
from .buckets import Size
from .cache import Texts
from .config import TrainConfig
from .dataset import Sample
from .draws import generator
from .frames import Frame
from .grounded import Grounded
from .items import speaks
from .states import whole_file

SCORES = ("success", "box_ap50", "mask_miou", "pim_point", "pim_scribble", "color_acc")


class Wanted(NamedTuple):
    """A layout as it stands in a picture of this size, and what the networks see of it."""

    name: str
    layout: Layout
    size: Size
    inputs: GroundingInputs
    context: Tensor
    vectors: Tensor | None  # (2, n): with the caption and without, as the sampling of a picture of this size has them


class Pictures:
    """Draws the first `sample_count` of the given samples."""

    def __init__(
        self, config: TrainConfig, base: Base, samples: Sequence[tuple[Sample, Size]], texts: Texts, slots: int
    ) -> None:
        self.config, self.base, self.slots = config, base, slots
        self.wanted = [self._wanted(sample, size, texts) for sample, size in samples[: config.sample_count]]
        self.nothing = texts.context("")
        self.folder = config.output / "sample"

    def path(self, step: int) -> Path:
        return self.folder / f"{self.config.output_name}-step{step:08}.png"

    def draw(
        self, step: int, net: Grounded, prediction: str, autocast: Callable[[], AbstractContextManager[Any]]
    ) -> Totals | None:
        """One PNG with all of them in sample/, the layout on each; and where there is a detector, a row of its scores."""
        cells, records = [], []
        for number, wanted in enumerate(self.wanted):
            picture = self._picture(number, wanted, net, prediction, autocast)
            record = self._score(picture, wanted)
            if record:
                records.append(record)
                cells.append(draw_marks(picture, wanted.layout, record))
            else:
                cells.append(np.asarray(draw_layout(wanted.layout, *wanted.size, Image.fromarray(picture))))
        with whole_file(self.path(step), "the sample pictures") as unfinished:
            _sheet(cells).save(unfinished, "PNG")
        totals = summarise(records) if records else None
        if totals:
            self._row(step, totals)
        return totals

    @torch.no_grad()
    def _picture(
        self,
        number: int,
        wanted: Wanted,
        net: Grounded,
        prediction: str,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> np.ndarray:
        """(H, W, 3) uint8: DDIM without noise of its own, both halves of the guidance in one call."""
        config, device = self.config, self.base.device
        x = torch.randn(
            1, 4, wanted.size[1] // 8, wanted.size[0] // 8, generator=generator("sample", config.seed, number)
        )
        alphas = self.base.alphas.double().tolist()
        inputs = batches.moved(batches.joined([wanted.inputs, null_grounding(self.slots, self.base.text_dim)]), device)
        context = torch.stack([wanted.context, self.nothing]).to(device)
        vectors = None if wanted.vectors is None else wanted.vectors.to(device)
        masked = batches.masking(config.rules)
        boxes = batches.mask_boxes(inputs, inputs, config.rules)
        times = np.linspace(objective.STEPS - 1, 0, config.sample_steps).round().astype(int).tolist()
        x = x.to(device)
        for t, following in zip(times, [*times[1:], None], strict=True):
            given = torch.full((2,), t, device=device)
            with autocast():
                answer = self._answer(net, x, given, context, inputs, masked, boxes, vectors)
            signal, noise = math.sqrt(alphas[t]), math.sqrt(1 - alphas[t])
            eps = answer if prediction == "eps" else signal * answer + noise * x
            clean = (x - noise * eps) / signal
            at = 1.0 if following is None else alphas[following]
            x = math.sqrt(at) * clean + math.sqrt(1 - at) * eps
        pixels = self.base.decode_latent(x[0].float().cpu())
        return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()

    def _answer(
        self,
        net: Grounded,
        x: Tensor,
        t: Tensor,
        context: Tensor,
        inputs: GroundingInputs,
        masked: MaskedAttention | None,
        boxes: Sequence[batches.Slots],
        vectors: Tensor | None,
    ) -> Tensor:
        answer = net(x.expand(2, -1, -1, -1), t, context, inputs, masked, boxes, vectors)
        positive, negative = answer.float().chunk(2)
        return negative + self.config.guidance_scale * (positive - negative)

    def _wanted(self, sample: Sample, size: Size, texts: Texts) -> Wanted:
        frame = Frame(sample.width, sample.height, *size)
        cut = [one for _, one in crop_instances(sample.layout.instances, frame.part)][: self.slots]
        features = (
            torch.stack([texts.pooled(speaks(one)) for one in cut]) if cut else torch.zeros(0, self.base.text_dim)
        )
        layout = replace(sample.layout, instances=tuple(cut), width=size[0], height=size[1])
        inputs = build_grounding([cut], [features], self.slots)
        vectors, tell = None, self.base.vector
        if tell is not None:
            seen = Sizes(size, (0, 0), size)
            vectors = torch.stack([tell(texts.pooled(words), seen) for words in (sample.layout.prompt, "")])
        return Wanted(sample.name, layout, size, inputs, texts.context(sample.layout.prompt), vectors)

    def _score(self, picture: np.ndarray, wanted: Wanted) -> Record | None:
        if self.config.score_detector != "shapeworld":
            return None
        settings = Settings("category", 0.5, tuple(sorted(SHAPES)))
        return score_picture(wanted.name, wanted.layout, detect_shapes(picture), wanted.size, settings, picture, True)

    def _row(self, step: int, totals: Totals) -> None:
        path = self.config.output / f"{self.config.output_name}-scores.csv"
        new = not path.is_file()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(("step", *SCORES))
            writer.writerow((step, *("" if (v := getattr(totals, name)) is None else f"{v:.4f}" for name in SCORES)))


def scores(totals: Totals) -> dict[str, float]:
    """The numbers that there are."""
    return {name: value for name in SCORES if (value := getattr(totals, name)) is not None}


def said(totals: Totals) -> str:
    """The scores in one line."""
    return ", ".join(f"{name} {value:.2f}" for name, value in scores(totals).items())


def _sheet(cells: Sequence[np.ndarray]) -> Image.Image:
    """Pictures of any sizes, four a row."""
    width, height = max(cell.shape[1] for cell in cells), max(cell.shape[0] for cell in cells)
    columns = min(4, len(cells))
    sheet = Image.new("RGB", (columns * width, -(-len(cells) // columns) * height), "white")
    for i, cell in enumerate(cells):
        sheet.paste(Image.fromarray(cell), (i % columns * width, i // columns * height))
    return sheet
