"""The proof that regions steer a family of models and nothing else: numbers that stand in a table and in the tests."""

from typing import Any, NamedTuple
from unittest import mock

import comfy.samplers
import torch
from comfy.patcher_extension import WrappersMP
from instdiff.instdiff_modules.layout.instance import Instance
from instdiff.instdiff_modules.regions import forward
from support.closeness import relative_error
from support.region_models import MODELS, conditioning, noise, tiny_model
from support.region_runs import FOX, OWL, Heard, apply, frames, listening, plain, sample, unmasked
from torch import Tensor

UNETS = ("SD1.5", "SDXL")  # convolutions mix pixels, so only the attention itself is local
CROSS = (*UNETS, "Cosmos-Predict2", "Anima", "Wan")
CAT = Instance("a", "a blue cat", box=FOX.box)  # other words, same place


class Proof(NamedTuple):
    """Of one family. Largest change when region A's words change: of the picture tokens outside A (must be 0) and inside.

    first: in the first attention that meets text; final: in the model's prediction with picture attention cut. allowed: a
    mask that allows everything against none; batch: two images against each alone; apart: positive and negative in one call
    against two; again: a second run against the first; absent: no instances, and strength 0, against the plain model. Shares
    of the result's norm, or largest differences where 0 is demanded.
    """

    calls: int
    first_outside: float
    first_inside: float
    final_outside: float | None
    final_inside: float
    allowed: float
    batch: float
    apart: float
    again: float
    absent: float


class Locality(NamedTuple):
    """The first five numbers of a proof."""

    calls: int
    first_outside: float
    first_inside: float
    final_outside: float | None
    final_inside: float


def locality(name: str, height: int, width: int) -> Locality:
    start = noise(name, 1, height, width)
    (_, heard), (_, other) = (one_step(name, one, start) for one in (FOX, CAT))
    pictures = (first_picture(name, one, start) for one in (heard, other))
    first = changed(*pictures, fox_tokens(name, heard, start))
    (one, _), (two, _) = (one_step(name, i, start, picture_attention="cut") for i in (FOX, CAT))
    final = changed(*(x.flatten(-2).movedim(-1, -2).flatten(0, -3) for x in (one, two)), fox_painted(name, start))
    return Locality(len(heard), *first, None if name in UNETS else final[0], final[1])


def proof(name: str, height: int = 16, width: int = 12) -> Proof:
    start = noise(name, 1, height, width)
    return Proof(
        *locality(name, height, width), everything_allowed(name, start), two_images(name, height, width),
        one_call(name, start), again(name, start), absent(name, start),
    )  # fmt: skip


def one_step(name: str, fox: Instance, start: Tensor, **settings: str) -> tuple[Tensor, list[Heard]]:
    """The prediction of one step without guidance, and the masked attention calls in it."""
    heard: list[Heard] = []
    model, positive = apply(name, frames(fox, OWL), listening(tiny_model(name), heard), **settings)
    return sample(name, model, positive, start, steps=1, cfg=1.0), heard


def first_picture(name: str, heard: list[Heard], start: Tensor) -> Tensor:
    """(1, tokens, channels): picture tokens after the first attention that holds picture and text."""
    call = first_call(name, heard, start)
    tokens = fox_tokens(name, heard, start).numel()
    return call.out[:, :tokens] if name in CROSS else call.out[:, text_tokens(name) : text_tokens(name) + tokens]


def first_call(name: str, heard: list[Heard], start: Tensor) -> Heard:
    return (
        heard[0]
        if name in CROSS
        else next(h for h in heard if h.queries >= text_tokens(name) + fox_cells(start, MODELS[name].patch).numel())
    )


def text_tokens(name: str) -> int:
    """Of the prompt and two regions, with padding."""
    return 32 if name == "Z-Image" else 3 * MODELS[name].tokens


def fox_tokens(name: str, heard: list[Heard], start: Tensor) -> Tensor:
    """(tokens,) bool: those in the fox's box, at the resolution of the first call."""
    if name in UNETS:
        return fox_cells(start, round((start.shape[-1] * start.shape[-2] / heard[0].queries) ** 0.5))
    return fox_cells(start, MODELS[name].patch)


def fox_cells(start: Tensor, patch: int) -> Tensor:
    """(tokens,) bool: tokens of patch x patch latent cells of which half or more is in the fox's box."""
    height, width = start.shape[-2:]
    x0, y0, x1, y1 = FOX.box
    rows, columns = (
        torch.tensor(
            [max(0.0, min(end, (i + 1) * patch) - max(first, i * patch)) / patch for i in range(-(-n // patch))]
        )
        for n, first, end in ((height, y0 * height, y1 * height), (width, x0 * width, x1 * width))
    )
    return (rows[:, None] * columns[None] >= 0.5).flatten()


def fox_painted(name: str, start: Tensor) -> Tensor:
    """(cells,) bool: latent cells that its tokens paint."""
    (height, width), patch = start.shape[-2:], MODELS[name].patch
    tokens = fox_cells(start, patch).reshape(-(-height // patch), -1)
    return tokens.repeat_interleave(patch, 0).repeat_interleave(patch, 1)[:height, :width].flatten()


def changed(one: Tensor, two: Tensor, inside: Tensor) -> tuple[float, float]:
    """Largest difference (..., tokens, channels) outside and inside."""
    difference = (one - two).abs().amax(-1)
    return difference[..., ~inside].max().item(), difference[..., inside].max().item()


def everything_allowed(name: str, start: Tensor) -> float:
    def free(kind: str, meeting: object, queries: int, keys: int) -> Tensor:
        return torch.zeros(queries, keys)

    with mock.patch.object(forward, "additive", free):
        masked = sample(name, *apply(name, frames(FOX, OWL)), start)
    return relative_error(masked, sample(name, *apply(name, frames(FOX, OWL), unmasked(tiny_model(name))), start))


def two_images(name: str, height: int, width: int) -> float:
    both = noise(name, 2, height, width)
    given = apply(name, frames(FOX, OWL))
    singles = torch.cat([sample(name, *given, both[:1]), sample(name, *given, both[1:])])
    return relative_error(sample(name, *given, both), singles)


def one_call(name: str, start: Tensor) -> float:
    """The negative prompt is as long as the positive with its regions, so that ComfyUI computes both in one call."""
    model, positive = apply(name, frames(FOX, OWL))
    negative = conditioning(name, "bad", 3 * MODELS[name].tokens)
    if name == "Anima":  # whose adapter makes 512 tokens of any prompt
        negative = [[text.repeat(1, 3 * 512 // text.shape[1] + 1, 1)[:, : 3 * 512], {}] for text, _ in negative]
    rows: list[int] = []

    def count(executor: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        rows.append(len(x))
        return executor(x, *args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "count", count)
    together = sample(name, model, positive, start, negative=negative)
    with mock.patch.object(comfy.samplers, "can_concat_cond", lambda one, other: one is other):
        apart = sample(name, model, positive, start, negative=negative)
    assert rows == [2, 1, 1], f"{name}: calls of {rows} rows"
    return relative_error(together, apart)


def again(name: str, start: Tensor) -> float:
    given = apply(name, frames(FOX, OWL))
    return (sample(name, *given, start) - sample(name, *given, start)).abs().max().item()


def absent(name: str, start: Tensor) -> float:
    reference = plain(name, start)
    nothing = sample(name, *apply(name, frames()), start), sample(name, *apply(name, frames(FOX), strength=0.0), start)
    return max((one - reference).abs().max().item() for one in nothing)
