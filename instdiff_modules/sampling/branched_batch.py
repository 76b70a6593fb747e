"""Images and their branches as one batch: which item is whose, and how the items of an image become one latent.

The sampler runs once, on all items, over the whole schedule. After the merge every item of an image is given the
prediction for the merged latent. A sampler's step is linear in the latent, the predictions and the noise, and the
weights of the merge sum to 1; so the weighted sum of the items goes exactly where the sampler would go from the merged
latent on, with the merged history of a multi-step sampler, whatever the sampler is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from ..layout.instance import Instance
from .branch import Branch
from .covering import covers
from .merge import BY_DEPTH, merge, region
from .schedule import branch_steps

SIGMA_ROUNDING = 1e-5  # of what samplers hand on, relative
PromptKey = tuple[int | None, str | None]
Merge = Callable[[Tensor, Sequence[Tensor | None], str, int], Tensor]


class Words(NamedTuple):
    """An encoded prompt: what cross-attention sees (1, tokens, width), and the pooled vector (n,) that SDXL's UNet takes beside it."""

    context: Tensor
    vector: Tensor | None = None


class BranchedBatch:
    """`branches[k * images + i]` belongs to image i; row 0 are the global branches.

    share: of the steps, in 0..1, with one latent for each branch. mode and feather (latent cells): see `merge`.
    prompts: encodings by the layer and the words, positive or negative, of a branch. apart: by their layer,
    where the branches come from that are predicted apart. merged: whether the branches are one again.
    """

    def __init__(
        self,
        branches: Sequence[Branch],
        images: int,
        share: float = 1.0,
        mode: str = "average",
        feather: int = 0,
        prompts: Mapping[PromptKey, Words] | None = None,
        merge: Merge = merge,
        apart: Mapping[int | None, Any] | None = None,
    ) -> None:
        self.branches, self.images, self.share = tuple(branches), images, share
        self.mode, self.feather, self.prompts = mode, feather, dict(prompts or {})
        self.image_of = [branch.image for branch in self.branches]
        self.apart = dict(apart or {})
        self.merged = False
        self._merge = merge
        self._weights: dict[tuple[int, int], Tensor] = {}
        self._covered: dict[int, list[Tensor]] = {}  # by image: of its instances, in their order of depth

    def restart(self) -> None:
        """The branches begin anew."""
        self.merged = False
        self._weights, self._covered = {}, {}

    def layered(self, predictions: Tensor, sigmas: Sequence[float], sigma: float, step: int | None) -> Tensor:
        """Predictions of all items (items, C, ..., H, W), as the branches go on with them: by depth, else as they are.

        By depth each branch shows around its instance, from the middle of its steps on, what is behind it: the global
        prediction and the instances before it in the layout. What an instance covers is seen then, where it is still
        before a background of its own, and stays: seen again it would grow with every step. Others: see `is_over`.
        """
        if self.mode != BY_DEPTH or not self._is_layered(sigmas, sigma, step):
            return predictions
        out = predictions.clone()
        for image in range(self.images):
            members, shown = self._members(image), predictions[image]
            items = [row * self.images + image for row, _ in members]
            if image not in self._covered:
                instances = [instance for _, instance in members]
                self._covered[image] = covers(instances, [predictions[item] for item in items])
            for item, covered in zip(items, self._covers(image, *predictions.shape[-2:]), strict=True):
                shown = torch.lerp(shown, predictions[item], covered.to(predictions))
                out[item] = shown
        return out

    def _is_layered(self, sigmas: Sequence[float], sigma: float, step: int | None) -> bool:
        branched = branch_steps(len(sigmas) - 1, self.share)
        return self._is_after(min((branched + 1) // 2, branched - 1), sigmas, sigma, step)

    def _covers(self, image: int, height: int, width: int) -> list[Tensor]:
        """What the instances of an image cover of a latent of that size, in their order of depth."""
        wanted = (height, width)
        return [
            c if c.shape == wanted else F.interpolate(c[None, None], wanted, mode="bilinear")[0, 0]
            for c in self._covered[image]
        ]

    def of_images(self, branches: Sequence[Branch], images: int) -> "BranchedBatch":
        """The same settings and prompts for the branches of another number of images."""
        return BranchedBatch(
            branches, images, self.share, self.mode, self.feather, self.prompts, self._merge, self.apart
        )

    @property
    def together(self) -> "BranchedBatch":
        """The branches that are predicted in one batch: the first items, in whole rows."""
        first = next((k for k, branch in enumerate(self.branches) if branch.apart), len(self.branches))
        return self.of_images(self.branches[: first - first % self.images], self.images)

    def is_over(self, sigmas: Sequence[float], sigma: float, step: int | None) -> bool:
        """Whether a prediction at noise level sigma comes after the branches; step: its number, if the sampler tells.

        sigmas: of the whole run. A second prediction within the last step of the branches counts as after them, where it
        is for the noise level at which the next step begins.
        """
        return self._is_after(branch_steps(len(sigmas) - 1, self.share), sigmas, sigma, step)

    def _is_after(self, count: int, sigmas: Sequence[float], sigma: float, step: int | None) -> bool:
        if step is not None:
            return step >= count
        return count < len(sigmas) - 1 and sigma <= float(sigmas[count]) * (1 + SIGMA_ROUNDING)

    def spread(self, tensor: Tensor) -> Tensor:
        """Something of each image, or common to all (images or 1, ...) -> of each item."""
        return tensor[[image % tensor.shape[0] for image in self.image_of]]

    def global_branches(self, items: Tensor) -> Tensor:
        """(items, ...) -> (images, ...)."""
        return items[: self.images]

    def merge_items(self, items: Tensor) -> Tensor:
        """Latents of all items (items, C, ..., H, W) -> the merged ones of the images (images, C, ..., H, W)."""
        height, width = items.shape[-2:]
        if (height, width) not in self._weights:  # some samplers change the size in mid-run
            self._weights[height, width] = self._merge_weights(height, width).to(items)
        weights = rearrange(self._weights[height, width], "k i h w -> (k i) h w")
        between = (1,) * (items.ndim - 3)  # channels; frames of a video latent
        weighted = items * weights.reshape(len(items), *between, height, width)
        return reduce(weighted, "(k i) ... -> i ...", "sum", i=self.images)

    def _merge_weights(self, height: int, width: int) -> Tensor:
        """How much of each branch's latent goes into each cell of its image's merged one: (rows, images, height, width)."""
        rows = len(self.branches) // self.images
        weights = torch.zeros(rows, self.images, height, width)
        for image in range(self.images):
            members = self._members(image)
            if image in self._covered:
                regions = [covered.cpu() for covered in self._covers(image, height, width)]
            else:
                regions = [region(instance, height, width) for _, instance in members]
            # merging is linear: what it makes of one branch being 1 and the others 0 is that branch's weight
            ones = torch.eye(1 + len(members))[:, :, None, None].expand(-1, -1, height, width)
            for row, weight in zip(
                (0, *(row for row, _ in members)), self._merge(ones, regions, self.mode, self.feather), strict=True
            ):
                weights[row, image] += weight
        return weights

    def _members(self, image: int) -> list[tuple[int, Instance]]:
        """The instances of an image in their order of depth, each with its row. A branch of several counts for each."""
        column = self.branches[image :: self.images]
        order = sorted((depth, row, i) for row, b in enumerate(column) for i, depth in enumerate(b.depths))
        return [(row, column[row].instances[i]) for _, row, i in order]
