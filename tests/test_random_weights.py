"""The random checkpoints have the real ones' keys and shapes, and the same seed gives the same numbers."""

import torch
from support import random_weights, sd15_shapes
from support.checkpoint_keys import FULL, official_shapes


def test_the_full_size_has_the_keys_of_sd15_and_of_the_authors_model() -> None:
    unet, _ = sd15_shapes.unet_shapes(sd15_shapes.FULL)
    assert {**unet, **sd15_shapes.instdiff_shapes(full=True)} == official_shapes(FULL)
    base = sd15_shapes.sd15_shapes(full=True)
    counts = [
        sum(key.startswith(prefix) for key in base) for prefix in ("model.", "cond_stage_model.", "first_stage_model.")
    ]
    assert counts == [686, 196, 248]  # CLIP's 197th tensor, the position ids, is not a weight


def test_equal_seeds_give_equal_tensors_and_others_others() -> None:
    shapes = {"scaleu_b_0": (320,), "position_net.in_conv.weight": (3, 30, 3, 3)}
    first, again, other = (random_weights.fill(shapes, seed, torch.float32) for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) and not torch.equal(first[key], other[key]) for key in shapes)
    backwards = random_weights.fill(dict(reversed(shapes.items())), 1, torch.float32)
    assert all(torch.equal(first[key], backwards[key]) for key in shapes)


def test_the_small_model_fits_its_base_and_is_finite_in_half_precision() -> None:
    unet, trunk = sd15_shapes.unet_shapes(sd15_shapes.SMALL)
    tensors = random_weights.instdiff_state_dict()
    assert all(torch.isfinite(tensor).all() and tensor.dtype == torch.float16 for tensor in tensors.values())
    assert [tensors[f"scaleu_b_{i}"].shape[0] for i in range(len(trunk))] == list(trunk)
    blocks = {key.removesuffix(".attn1.to_q.weight") for key in unet if key.endswith(".attn1.to_q.weight")}
    assert blocks == {key.removesuffix(".fuser.alpha_attn") for key in tensors if key.endswith(".fuser.alpha_attn")}
