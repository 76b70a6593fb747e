"""Which attention call of a model is which: told by the order of calls or by what runs just before, never by length alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .mask import CROSS, JOINT, SELF, TEXT


class Call(NamedTuple):
    """Tokens of its queries and keys; of the pass's text with its padding and of its picture; the block's number, if it has one."""

    queries: int
    keys: int
    text: int
    picture: int
    block: int | None


class Joint:
    """FLUX, Chroma, Qwen-Image, SD3: every call holds text and picture, but for the picture's own in SD3.5."""

    def kind(self, call: Call) -> str | None:
        if call.queries != call.keys:
            return None
        if call.queries >= call.text + call.picture:
            return JOINT
        return SELF if call.queries == call.picture else None

    def patches(self) -> dict[str, Callable]:
        """What has to run inside the model for `kind` to know."""
        return {}


class Refined(Joint):
    """Lumina2, Z-Image, HunyuanVideo, Krea 2: calls without a block number refine the text, and later the picture."""

    def __init__(self, skipped: int, refining: int) -> None:
        """skipped: calls before the text meets itself; refining: those in which it does."""
        self.skipped, self.refining, self.calls = skipped, refining, 0

    def kind(self, call: Call) -> str | None:
        if call.block is not None:
            return super().kind(call)
        self.calls += 1
        return TEXT if self.skipped < self.calls <= self.skipped + self.refining and call.queries == call.keys else None


class SelfFirst(Joint):
    """Cosmos, Anima, Wan: the first call of a block is the picture's own, a later one meets the text."""

    def __init__(self) -> None:
        self.block, self.calls = None, 0

    def kind(self, call: Call) -> str | None:
        # ComfyUI numbers the blocks of Cosmos in newer versions only; the calls of a block are two
        first = self.calls % 2 == 0 if call.block is None else call.block != self.block
        self.block, self.calls = call.block, self.calls + 1
        if call.queries < call.picture:
            return None
        if first:
            return SELF if call.queries == call.keys else None
        return CROSS if call.keys == call.text else None


class Flagged(Joint):
    """UNets: ComfyUI's own patches run just before each call, and show what it reads: the picture itself, or text."""

    def __init__(self) -> None:
        self.next: str | None = None

    def kind(self, call: Call) -> str | None:
        kind, self.next = self.next, None
        if kind == SELF and not call.queries == call.keys == call.picture:
            return None  # other patches merge its tokens
        return None if kind == CROSS and call.keys != call.text else kind

    def patches(self) -> dict[str, Callable]:
        return {"attn1_patch": self._first, "attn2_patch": self._second}

    def _first(self, n: Any, context: Any, value: Any, _: Any) -> tuple[Any, Any, Any]:
        # some levels have no attention of the picture's own: they meet the text twice
        self.next = SELF if context is n or context.shape == n.shape else CROSS
        return n, context, value

    def _second(self, n: Any, context: Any, value: Any, _: Any) -> tuple[Any, Any, Any]:
        self.next = CROSS
        return n, context, value
