"""What a hostile or clumsy user connects, the sentence that a node answers with, and whether it left everything as it was."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from instdiff.instdiff_modules.layout.document import Layout

NAN, INF = float("nan"), float("inf")
WRONG = {
    "nothing": None, "nan": NAN, "infinity": INF, "minus one": -1, "huge": 10**400, "huge float": 1e300, "half": 0.5, "text": "x",
    "no text": "", "list": [], "list of lists": [[None]], "dict": {}, "tuple": (), "bool": True, "no images": torch.zeros(0, 8, 12, 3),
    "empty batch": torch.zeros(0, 8, 12), "five dimensions": torch.zeros(1, 1, 1, 8, 12), "bytes": b"x",
}  # fmt: skip

NEVER = ("nan", "infinity", "huge", "huge float", "list of lists", "dict", "five dimensions", "bytes")  # right nowhere


def complaint(call: Callable[[], Any]) -> str:
    """The sentence that a call ends with: a plain ValueError of one line that a person can read; "" if it works."""
    try:
        call()
    except ValueError as error:
        text = str(error)
        assert type(error) is ValueError and "\n" not in text and 20 < len(text) < 600 and text.endswith("."), text
        assert "NoneType" not in text and "object at 0x" not in text, text
        return text
    return ""


def snapshot(value: Any) -> Any:
    """All that could be changed in a value behind the back of its owner."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype, value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [snapshot(item) for item in value]
    if dataclasses.is_dataclass(value) and isinstance(value, Layout):
        return repr(dataclasses.asdict(value))
    if hasattr(value, "model_options"):
        parts = ("model_options", "attachments", "wrappers", "callbacks", "object_patches", "patches", "injections")
        return [snapshot(getattr(value, part)) for part in parts]
    return id(value) if callable(value) or not isinstance(value, (str, int, float, bool)) else value
