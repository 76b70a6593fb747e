"""The noise that a sampler draws for a batch of branches: the same for all branches of an image.

With noises of their own the branches' mean would hold too little noise for its noise level, and a run in branches could
not be told from a plain one only by what the branches see.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class SharedNoise(TorchFunctionMode):
    """While it is entered, what draws normal noise for a whole batch draws for its images, as a plain run would."""

    def __init__(self, image_of: Sequence[int], images: int) -> None:
        """image_of: the image of every item of the batch."""
        super().__init__()
        self.image_of, self.images = list(image_of), images

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.randn_like and self._is_batch(args[0].shape):
            return func(args[0][: self.images], *args[1:], **kwargs)[self.image_of]
        if func is torch.randn:
            given = dict(kwargs)
            size = given.pop("size", args[0] if len(args) == 1 and not isinstance(args[0], int) else args)
            if self._is_batch(size):
                return func((self.images, *size[1:]), **given)[self.image_of]
        if func is torch.Tensor.normal_:
            items: Any = args[0]
            if self._is_batch(items.shape):
                drawn = func(torch.empty_like(items[: self.images]), *args[1:], **kwargs)
                return items.copy_(drawn[self.image_of])
        return func(*args, **kwargs)

    def _is_batch(self, size: Sequence[int]) -> bool:
        return len(size) > 1 and size[0] == len(self.image_of)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Out of the way of the model, whose every operation would pass through here."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()
