"""A training step of a GPU recorded once and then replayed: to launch its some thousand kernels one by one takes several times as long."""

from collections.abc import Callable, Hashable

import torch

WARM = 3  # steps taken one by one first: they choose algorithms, fill caches and make the optimizer's state


class Recorded:
    """step(kind) recorded for each kind. It draws its random numbers anew each time, since torch's generator knows of recordings."""

    def __init__(self, step: Callable[[Hashable], None]) -> None:
        self.step = step
        # Of all kinds, since nothing outlives a step: else each would keep the memory of its own for good.
        self.memory, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
        self.graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}

    def __call__(self, kind: Hashable) -> None:
        if kind not in self.graphs:
            self.graphs[kind] = self._record(kind)
        self.graphs[kind].replay()

    def _record(self, kind: Hashable) -> torch.cuda.CUDAGraph:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(WARM):
                self.step(kind)
        torch.cuda.current_stream().wait_stream(self.stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.memory):
            self.step(kind)
        return graph
