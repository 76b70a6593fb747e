"""Several processes that train one model, started by torchrun; alone, all of this does nothing."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class Team:
    """rank: the number of this process, of `size`. The first one writes files and speaks."""

    def __init__(self) -> None:
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))

    @property
    def local_rank(self) -> int:
        return int(os.environ.get("LOCAL_RANK", "0"))

    def join(self, device: torch.device) -> None:
        """Meet the others: over NCCL between graphics cards where there is one each, else over gloo."""
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("gloo" if device.type == "cpu" else None)

    def leave(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients become the mean of all processes'. A part that one of them did not need is no fault."""
        return module if self.size == 1 else DistributedDataParallel(module, find_unused_parameters=True)

    def alone(self, module: nn.Module, yes: bool) -> AbstractContextManager[Any]:
        """Within this, gradients stay with their process: for all but the last part of a step."""
        return module.no_sync() if yes and isinstance(module, DistributedDataParallel) else nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """Of all processes' numbers."""
        if self.size == 1:
            return value
        value = value.clone()
        dist.all_reduce(value)
        return value / self.size

    def wait(self) -> None:
        """Until all have come here."""
        if self.size > 1:
            dist.barrier()
