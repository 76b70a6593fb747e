"""What the settings of a config may be: the values that are taken, each refused in one sentence."""

import math
from collections.abc import Sequence
from typing import Any

from ..layout.fields import shorten
from . import schedule
from .grounded import PARTS
from .optimizers import OPTIMIZERS
from .recipe import RECIPES

BACKBONES = {
    "convnext_tiny": {"depths": (3, 3, 9, 3), "dims": (96, 192, 384, 768)},
    "small": {"depths": (1, 1, 2, 1), "dims": (16, 32, 48, 64)},
}
FORMATS = ("folder", "coco", "authors")
FIRST_BLOCK, EVERY_BLOCK = FUSERS = ("first block", "every block")
_CHOICES = {
    "lr_scheduler": schedule.NAMES,
    "mixed_precision": ("no", "fp16", "bf16"),
    "optimizer_type": OPTIMIZERS,
    "save_precision": ("float", "fp16", "bf16"),
    "recipe": tuple(RECIPES),
    "mask_backbone": tuple(BACKBONES),
    "format": FORMATS,
    "fusers": FUSERS,
    "score_detector": ("", "shapeworld"),
    "items": ("cut", "authors"),
    "drop_rule": ("independent", "authors"),
    "drop_per": ("sample", "batch"),
    "masked_attention": ("off", "finest", "all", "authors"),
    "prediction": ("base", "eps", "v"),
}
_RATES = ("caption_dropout_rate", "instance_caption_rate", "ema_decay", "validation_split", "min_box_size")
_MAY_BE_ZERO = (
    "lr_warmup_steps",
    "validate_every_n_steps",
    "save_every_n_steps",
    "weight_decay",
    "max_grad_norm",
    "seed",
    "sample_every_n_steps",
)


def value_of(name: str, value: Any, kind: Any) -> Any:
    """The value as the field's type; the types are those of this package's dataclasses."""
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{name} must be one of {', '.join(_CHOICES[name])}, got {shorten(value)}.")
    if name == "resolution":
        return _resolution(value)
    if name == "train_parts":
        return _parts(value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {shorten(value)}.")
        return value
    if kind in (int, float):
        return _number(name, value, kind)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {shorten(value)}.")
    return value


def _number(name: str, value: Any, kind: type) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number, got {shorten(value)}.")
    if kind is int and value != int(value):
        raise ValueError(f"{name} must be a whole number, got {shorten(value)}.")
    rate = name in _RATES or name.startswith(("drop_", "adam_beta"))
    if value < 0 or (value == 0 and not rate and name not in _MAY_BE_ZERO):
        raise ValueError(f"{name} must be above 0, got {shorten(value)}.")
    if rate and value > 1:
        raise ValueError(f"{name} must lie in 0..1, got {shorten(value)}.")
    return kind(value)


def _resolution(value: Any) -> tuple[int, int]:
    """512, "512", "768,512" or [768, 512], width first."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    sides = [int(side) for side in parts if str(side).strip().isdigit()]
    if len(sides) != len(parts) or len(sides) not in (1, 2) or any(side < 64 or side % 8 for side in sides):
        raise ValueError(
            f"resolution must be a multiple of 8, 64 or more, or width and height, as in 512 or [768, 512]; got {shorten(value)}."
        )
    return sides[0], sides[-1]


def _parts(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or any(name not in PARTS for name in names):
        raise ValueError(f"train_parts must be a list of {', '.join(PARTS)}, got {shorten(value)}.")
    return tuple(name for name in PARTS if name in names)
