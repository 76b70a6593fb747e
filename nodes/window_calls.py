"""How the model is called for branches that are predicted apart: each sees its window of the picture as a picture.

A CALC_COND_BATCH wrapper around that of the other branches. Outside its window a branch is predicted as the global branch
is, so that samplers and merges meet whole latents.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..instdiff_modules.regions.plan import Region
from ..instdiff_modules.sampling.branch import Branch
from ..instdiff_modules.sampling.branch_window import Cells
from ..instdiff_modules.sampling.branched_batch import BranchedBatch
from ..instdiff_modules.sampling.instance_conditioning import OWNER, entries_for
from ..instdiff_modules.sampling.options import Items, run_options, with_run_options
from .branch_conds import of_items
from .layout_branches import LayoutLayer, without_others
from .model_calls import calc_branches
from .window_conds import in_window, part_in

Encode = Callable[[dict], dict]  # a positive conditioning -> with all that the model reads of it


class Group(NamedTuple):
    """Branches of one instance, of several images. rows: their items."""

    layer: LayoutLayer
    region: Region
    rows: list[int]
    branches: tuple[Branch, ...]


class WindowCalls:
    """Of one run. conds: the guider's prepared conditionings by name, for the images."""

    def __init__(self, batch: BranchedBatch, conds: dict[str, list[dict]], encode: Encode) -> None:
        self.batch, self.together, self.encode = batch, batch.together, encode
        self.conds = {cond["uuid"]: (name, cond) for name, some in conds.items() for cond in some or ()}
        self.groups = _groups(batch)
        self._known: dict[Any, dict | None] = {}
        self._controls: dict[Any, Any] = {}

    def __call__(
        self, executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, model_options: dict
    ) -> list[Tensor]:
        """The predictions of every list of conditionings for x (items, C, ..., H, W)."""
        run, count = run_options(model_options["transformer_options"]), len(self.together.branches)
        if run.items is None or len(x) != len(self.batch.branches):
            return calc_branches(executor, model, conds, x, timestep, model_options)
        timestep = timestep.expand(len(x))
        options = with_run_options(model_options, run.with_items(Items(self.batch.images, self.together.branches)))
        out = calc_branches(executor, model, conds, x[:count], timestep[:count], options)
        out = [torch.cat((one, one[self.batch.image_of[count:]])) for one in out]
        for group in self.groups:
            if group.region.acts(float(timestep.max()), model.model_sampling.percent_to_sigma):
                self._paint(group, out, executor, model, conds, x, timestep, model_options)
        return out

    def _paint(
        self, group: Group, out: list[Tensor], executor: Any, model: Any, conds: list, x: Tensor, timestep: Tensor, options: dict
    ) -> None:  # fmt: skip
        """Put the predictions for the windows of a group into those of all items."""
        height, width = x.shape[-2:]
        cells, sigma = group.layer.window(group.branches[0], height, width), float(timestep.max())
        own = [None if entries is None else self._entries(group, entries, cells, x, sigma) for entries in conds]
        if [] in own:  # conditionings whose areas lie elsewhere
            return
        run = run_options(options["transformer_options"])
        parts = {entry["uuid"]: part_in(entry, cells, height, width) for entries in own for entry in entries or ()}
        run = replace(run, parts=parts, items=Items(self.batch.images, group.branches))
        windows = cells.of(x[group.rows]).contiguous()
        painted = executor(model, own, windows, timestep[group.rows], with_run_options(options, run))
        for whole, window in zip(out, painted, strict=True):
            whole[group.rows] = cells.into(whole[group.rows], window)

    def _entries(self, group: Group, entries: Sequence[dict], cells: Cells, x: Tensor, sigma: float) -> list[dict]:
        """A list of conditionings as the windows of a group see them."""
        given = [self.conds[entry["uuid"]][1] for entry in entries if entry["uuid"] in self.conds]
        own = [self._entry(group, entry, cells, x) for entry in entries_for(given, group.branches[0].keys, sigma)]
        return [entry for entry in own if entry is not None]

    def _entry(self, group: Group, cond: dict, cells: Cells, x: Tensor) -> dict | None:
        size = (x.shape[-2], x.shape[-1])
        key = (group.rows[0], cond["uuid"], "mask" in cond, cells, size)
        if key not in self._known:
            name = self.conds[cond["uuid"]][0]
            if name != "positive":
                cond = without_others(cond, group.region)
            elif OWNER in cond:
                cond = group.layer.owned(cond, group.region)
            else:
                cond = self.encode(group.layer.positive(cond, group.region))
            controls = self._controls.setdefault((group.rows[0], cells), {})
            batch = self.batch.of_images(group.branches, self.batch.images)
            self._known[key] = in_window(of_items(cond, batch, controls), cells, size, controls)
        return self._known[key]


def _groups(batch: BranchedBatch) -> list[Group]:
    rows: dict[Any, list[int]] = {}
    for k, branch in enumerate(batch.branches):
        if branch.apart:
            layer = batch.apart[branch.layer]
            rows.setdefault((layer, layer.region(branch)), []).append(k)
    return [
        Group(layer, region, some, tuple(batch.branches[k] for k in some)) for (layer, region), some in rows.items()
    ]
