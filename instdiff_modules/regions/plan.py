"""What a layout asks of a model call: the regions that act, their texts behind the prompt, and who meets whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..geometry.coverage import Widths
from ..geometry.crop import WHOLE
from ..layout.instance import Box, Instance
from ..sampling.window import ToSigma
from .rule import Force, Meeting, Rule
from .weights import FRONT, Patch, Placed

RULE, WIDTHS = Rule(), Widths()


@dataclass(frozen=True, eq=False)
class Text:
    """An encoded prompt: tokens (1, L, D) on the CPU, and what the text encoder says about them."""

    tokens: Tensor
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Region:
    """An instance with its text, its force and when it acts (shares of the denoising)."""

    instance: Instance
    text: Text
    force: Force
    start: float
    end: float

    def acts(self, sigma: float, to_sigma: ToSigma) -> bool:
        # flow models' first noise level is 1, or a rounding or an artist's factor above it
        begun = self.start <= 0 or sigma <= to_sigma(self.start)
        return self.start < self.end and begun and to_sigma(self.end) <= sigma


@dataclass(frozen=True, eq=False)
class Regions:
    """Of one conditioning: layers (one for each Apply Layout node) of frames of regions, back to front.

    The rule, the overlap, the widths and `trained` (EliGen's masks) are the last node's. canvases: width and height in pixels of the
    layouts of all nodes, as far as they are known.
    """

    layers: tuple[tuple[tuple[Region, ...], ...], ...]
    rule: Rule = RULE
    overlap: str = FRONT
    widths: Widths = WIDTHS
    trained: bool = False
    canvases: tuple[tuple[int | None, int | None], ...] = ()

    def of_image(self, image: int, sigma: float, to_sigma: ToSigma) -> tuple[Region, ...]:
        """The regions of an image of the batch that act at a noise level."""
        frames = [layer[image % len(layer)] for layer in self.layers]
        return tuple(region for frame in frames for region in frame if region.acts(sigma, to_sigma))

    def only(self, instances: Collection[Instance]) -> "Regions":
        """Those of the instances alone."""
        layers = (tuple(tuple(r for r in frame if r.instance in instances) for frame in layer) for layer in self.layers)
        return replace(self, layers=tuple(layers))

    def placed(self, regions: Sequence[Region]) -> Placed:
        return Placed([r.instance for r in regions], self.widths, self.overlap, self.trained)


@dataclass(eq=False)
class Row:
    """What steers one row of a batch: a meeting at every resolution of one latent size."""

    placed: Placed
    forces: tuple[Force, ...]
    segments: Tensor
    rule: Rule
    latent: tuple[int, int]
    part: Box = WHOLE
    _known: dict = field(default_factory=dict)

    def __call__(self, patch: Patch) -> Meeting:
        if patch not in self._known:
            weights = self.placed.weights(*self.latent, patch, self.part)
            self._known[patch] = Meeting(weights, self.forces, self.segments, self.rule)
        return self._known[patch]


def segments_of(prompt: int, texts: Sequence[int], total: int) -> Tensor:
    """(total,) int64 for a prompt of so many tokens and texts behind it; what is left is text that nobody reads."""
    parts = [torch.zeros(prompt, dtype=torch.long)]
    parts += [torch.full((length,), i, dtype=torch.long) for i, length in enumerate(texts, 1)]
    left = total - prompt - sum(texts)
    return torch.cat((*parts, torch.full((left,), len(texts) + 1, dtype=torch.long)))


def appended(prompt: Tensor, texts: Sequence[Sequence[Tensor]]) -> Tensor:
    """prompt (B, L, D) and the texts (1, l, D) of each row -> (rows, L + longest, D), zeros behind shorter ones.

    One row of texts serves all rows of the prompt; of several rows each is another picture's.
    """
    rows = len(texts) if len(texts) > 1 else len(prompt)
    behind = [torch.cat([*some, prompt.new_zeros(1, 0, prompt.shape[-1])], 1) for some in texts]
    longest = max(one.shape[1] for one in behind)
    behind = [torch.nn.functional.pad(one, (0, 0, 0, longest - one.shape[1])) for one in behind]
    return torch.cat((of_pictures(prompt, rows), of_pictures(torch.cat(behind), rows)), 1)


def of_pictures(tensor: Tensor, count: int) -> Tensor:
    """(B, ...) -> (count, ...) for so many pictures: repeated or cut, as ComfyUI does it."""
    return tensor[[i % len(tensor) for i in range(count)]]
