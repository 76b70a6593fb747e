"""What one sampling run tells the patches: one typed value under one key of ComfyUI's transformer options."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..layout.instance import Box
from .branch import Branch
from .branched_batch import BranchedBatch

KEY = "instdiff"


class Items(NamedTuple):
    """The items of the batch that one model call holds, and the number of images that they belong to."""

    images: int
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class RunOptions:
    """Of one run; what is not known is None.

    to_sigma: share of the denoising (0..1) -> noise level, by the schedule of the MODEL that is sampled.
    latent_size: height and width of the whole latent. negatives: uuids of the negative conditionings.
    parts: the part of the picture (left, top, right, bottom in 0..1) that a conditioning's uuid acts in.
    batch: the branches of multi-instance sampling; items: those in this call, until the merge.
    alpha, step: of samplers that count steps: the fusers' strength (replaces their window) and the number of the step.
    """

    to_sigma: Callable[[float], float] | None = None
    latent_size: tuple[int, int] | None = None
    negatives: frozenset[Hashable] | None = None
    parts: Mapping[Hashable, Box] = field(default_factory=dict)
    batch: BranchedBatch | None = None
    items: Items | None = None
    alpha: float | None = None
    step: int | None = None

    def with_items(self, items: Items | None) -> "RunOptions":
        return replace(self, items=items)

    def also_known_as(self, names: Mapping[Hashable, Hashable]) -> "RunOptions":
        """With what is known of conditionings for their new uuids too. names: new uuids, with those before."""
        parts = {new: self.parts[old] for new, old in names.items() if old in self.parts}
        negatives = None
        if self.negatives is not None:
            negatives = self.negatives | {new for new, old in names.items() if old in self.negatives}
        return replace(self, parts={**self.parts, **parts}, negatives=negatives)


NO_OPTIONS = RunOptions()


def run_options(transformer_options: Mapping[str, Any]) -> RunOptions:
    """Of this model call; outside a sampling run nothing is known."""
    return transformer_options.get(KEY, NO_OPTIONS)


def with_run_options(model_options: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """ComfyUI's model options with these; the given ones stay as they are."""
    return {**model_options, "transformer_options": {**model_options.get("transformer_options", {}), KEY: options}}
