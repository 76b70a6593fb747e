"""The node that says how long its MODEL was sampled: to compare methods and settings side by side."""

import math
import time
from typing import Any

import comfy.patcher_extension
from comfy_api.latest import io
from server import PromptServer
from torch import Tensor

from . import checks

KEY = "instdiff_timing"


class Stopwatch:
    """OUTER_SAMPLE wrapper: seconds of a sampling run from when the models are loaded, which only the first run pays for.

    pictures: how many the model was given; a part of a picture counts by its area.
    """

    def __init__(self, node: str | None) -> None:
        self.node, self.begin, self.pictures, self.area = node, 0.0, 0.0, 1

    def __call__(
        self,
        executor: Any,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Any,
        sigmas: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        self.begin, self.pictures, self.area = time.perf_counter(), 0.0, math.prod(noise.shape[1:])
        out = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        out.flatten()[:1].tolist()  # a GPU may still be at work: a number is there only when it has ended
        seconds, steps = time.perf_counter() - self.begin, max(len(sigmas) - 1, 1)
        report(
            f"{seconds:.1f} s for {steps} steps, {seconds / steps:.2f} s a step, {self.pictures:.3g} model calls",
            self.node,
        )
        return out

    def call(self, executor: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """APPLY_MODEL wrapper."""
        self.pictures += len(x) * math.prod(x.shape[1:]) / self.area
        return executor(x, *args, **kwargs)

    def load(self, executor: Any, *args: Any, **kwargs: Any) -> Any:
        """PREPARE_SAMPLING wrapper."""
        loaded = executor(*args, **kwargs)
        self.begin = time.perf_counter()
        return loaded


def report(text: str, node: str | None) -> None:
    """Show a text on a node in the page."""
    server = getattr(PromptServer, "instance", None)
    if server is not None and node is not None:
        server.send_progress_text(text, node)


class InstDiffTimeSampling(io.ComfyNode):
    """MODEL -> MODEL whose sampling is timed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffTimeSampling",
            display_name="Time Sampling",
            category="InstDiff",
            description="Shows how long the sampler took with this MODEL, without loading, and how many pictures the model was "
            "given (a part of one counts by its area). The picture stays the same.",
            inputs=[io.Model.Input("model", tooltip="Any MODEL, just before the sampler node.")],
            outputs=[io.Model.Output(tooltip="The same MODEL, for the sampler node whose time you want to know.")],
            hidden=[io.Hidden.unique_id],
            not_idempotent=True,  # else two of these on one MODEL would be one, and show the time of the other's sampler
        )

    @classmethod
    def execute(cls, model: Any) -> io.NodeOutput:
        checks.check_model(model)
        timed, watch = model.clone(), Stopwatch(cls.hidden.unique_id if cls.hidden else None)
        for place, wrapper in (
            (comfy.patcher_extension.WrappersMP.OUTER_SAMPLE, watch),
            (comfy.patcher_extension.WrappersMP.PREPARE_SAMPLING, watch.load),
            (comfy.patcher_extension.WrappersMP.APPLY_MODEL, watch.call),
        ):
            timed.remove_wrappers_with_key(place, KEY)
            timed.add_wrapper_with_key(place, KEY, wrapper)
        return io.NodeOutput(timed)


NODES = [InstDiffTimeSampling]
