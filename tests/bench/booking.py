"""Every operation of one guided step, booked on the place where it happens: the UNet, the fusers, ScaleU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.cases import Models, sample
from instdiff.instdiff_modules.sampling.fuser_patch import FuserPatch
from instdiff.instdiff_modules.sampling.scaleu_patch import ScaleUPatch
from torch.utils._python_dispatch import TorchDispatchMode

UNET, FUSERS, SCALEU = PLACES = ("UNet", "fusers", "ScaleU")
PATCHES = {FUSERS: FuserPatch, SCALEU: ScaleUPatch}


class Book(TorchDispatchMode):
    """A dispatch mode that gives every operation to `book`, which finds the place that it belongs to in `place`.

    To be used where gradients are off, but not in inference mode: there composite operations (a linear layer, dropout that does
    nothing) would arrive whole.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = UNET

    def book(self, func: Any, args: tuple, kwargs: dict) -> Any:
        """Run one operation, note what it did, and return its result."""
        raise NotImplementedError

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return self.book(func, args, kwargs or {})

    @contextmanager
    def within(self, place: str) -> Iterator[None]:
        """What happens meanwhile is booked on this place."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before


@contextmanager
def patches_within(within: Callable[[str], Any]) -> Iterator[None]:
    """Every call of a patch runs inside within(its place)."""
    before = {kind: kind.__call__ for kind in PATCHES.values()}
    try:
        for place, kind in PATCHES.items():
            kind.__call__ = _inside(within, place, before[kind])
        yield
    finally:
        for kind, call in before.items():
            kind.__call__ = call


def _inside(within: Callable[[str], Any], place: str, call: Any) -> Any:
    def run(self: Any, *args: Any) -> Any:
        with within(place):
            return call(self, *args)

    return run


def second_step(
    models: Models, case: str, size: int, batch: int, starts: Callable[[], None], ends: Callable[[], None]
) -> None:
    """Two guided steps at size x size pixels: starts() is called after the first, which fills the caches, ends() after the second."""
    calls = iter((starts, ends))
    sample(models, models.case(case), size, 2, batch, callback=lambda *_: next(calls)())
