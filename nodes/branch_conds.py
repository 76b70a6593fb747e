"""The conditionings of a batch of branches: prompts, masks, tensors and hints for every item of it.

ComfyUI cuts what a conditioning holds for each image to the batch of a call, or repeats it from the first on. A batch of
branches holds several images, and more items than images; what is there in another number would meet the wrong ones.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import comfy.conds
import torch
from torch import Tensor

from ..instdiff_modules.sampling.branched_batch import BranchedBatch
from ..instdiff_modules.sampling.instance_conditioning import OWNER
from .model_calls import FITTED_CONTROLS, REPEATED


def of_batch(conds: Mapping[str, Sequence[dict] | None], batch: BranchedBatch) -> dict[str, list[dict]]:
    """A guider's prepared conditionings (by name), for the items of the batch. The given ones stay as they are."""
    controls: dict[int, Any] = {}  # ComfyUI computes conditionings together that have the very same control
    out = {name: [of_items(cond, batch, controls) for cond in some or ()] for name, some in conds.items()}
    out["positive"] = [with_prompts(cond, batch) for cond in out["positive"]]
    if out.get("negative") and any(branch.negative for branch in batch.branches):
        out["negative"] = [with_negatives(cond, batch) for cond in out["negative"]]
    return out


def of_items(cond: dict, batch: BranchedBatch, controls: dict[Any, Any]) -> dict:
    """A prepared conditioning with its tensors, mask and hints for each item. controls: what is known, by identity."""
    several = {k: v for k, v in cond["model_conds"].items() if type(v) in REPEATED and v.cond.shape[0] > 1}
    model_conds = {key: type(value)(batch.spread(value.cond)) for key, value in several.items()}
    out = {**cond, "model_conds": {**cond["model_conds"], **model_conds}}
    if len(cond.get("mask", ())) > 1:
        out["mask"] = batch.spread(cond["mask"])
    if cond.get("control") is not None:
        out["control"] = _of_images(cond["control"], batch, controls)
    return out


def _of_images(control: Any, batch: BranchedBatch, known: dict[int, Any]) -> Any:
    """A copy of ComfyUI's control with one hint for each image, which it repeats over the branches.

    A copy, since adapters keep what they made for the batch of their first call: after the merge it has another size.
    """
    if type(control) not in FITTED_CONTROLS:
        return control
    if id(control) not in known:
        known[id(control)] = own = copy.copy(control)
        own.cond_hint = None
        if own.cond_hint_original is not None and len(own.cond_hint_original) > 1:
            own.cond_hint_original = batch.global_branches(batch.spread(own.cond_hint_original))
        if own.previous_controlnet is not None:
            own.previous_controlnet = _of_images(own.previous_controlnet, batch, known)
    return known[id(control)]


def with_prompts(cond: dict, batch: BranchedBatch) -> dict:
    """A conditioning whose cross-attention holds one prompt for each item of the batch, unless it is one instance's own."""
    if OWNER in cond:
        return cond
    own: Tensor = cond["model_conds"]["c_crossattn"].cond
    words = [None if branch.is_global else batch.prompts[branch.layer, branch.prompt] for branch in batch.branches]
    prompts = [own[item % own.shape[0]] if one is None else one.context[0] for item, one in enumerate(words)]
    return _with_vectors(_with_texts(cond, prompts), [one and one.vector for one in words])


def with_negatives(cond: dict, batch: BranchedBatch) -> dict:
    """A negative conditioning with each branch's own negative prompt behind its own text, as by Conditioning (Concat)."""
    own: Tensor = cond["model_conds"]["c_crossattn"].cond
    texts = []
    for item, branch in enumerate(batch.branches):
        text = own[item % own.shape[0]]
        more = batch.prompts[branch.layer, branch.negative].context[0] if branch.negative else text[:0]
        texts.append(torch.cat([text, more.to(text)]))
    return _with_texts(cond, texts)


def _with_texts(cond: dict, texts: Sequence[Tensor]) -> dict:
    """A conditioning with a text (tokens, width) for each item of the batch.

    Texts of several lengths are repeated to their least common multiple, as ComfyUI does: softmax attention over repeated
    keys gives the same result.
    """
    longest = math.lcm(*(text.shape[0] for text in texts))
    like = cond["model_conds"]["c_crossattn"].cond
    items = torch.stack([text.to(like).repeat(longest // text.shape[0], 1) for text in texts])
    return {**cond, "model_conds": {**cond["model_conds"], "c_crossattn": comfy.conds.CONDCrossAttn(items)}}


def _with_vectors(cond: dict, vectors: Sequence[Tensor | None]) -> dict:
    """A conditioning whose y, if the model takes one, begins with a pooled vector for each item; None: with its own. The sizes behind it stay."""
    if "y" not in cond["model_conds"] or all(vector is None for vector in vectors):
        return cond
    y = cond["model_conds"]["y"]
    own: Tensor = y.cond
    items = []
    for item, vector in enumerate(vectors):
        row = own[item % own.shape[0]]
        items.append(row if vector is None else torch.cat((vector.to(row), row[len(vector) :])))
    return {**cond, "model_conds": {**cond["model_conds"], "y": type(y)(torch.stack(items))}}
