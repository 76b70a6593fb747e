"""How often the networks run."""

from collections import Counter
from dataclasses import replace
from typing import Any

from bench.cases import Models, sample
from instdiff.instdiff_modules.grounding.token_cache import TokenCache
from instdiff.nodes.sampler import with_multi_instance

SIZE = 64  # pixels; calls are as many at any size


def count_calls(models: Models) -> dict[str, dict[str, int]]:
    """What happens, and how often the tokenizer, the fusers and the UNet run for it; `evaluations` counts pictures given to the UNet."""
    weights = replace(models.weights, known_tokens=TokenCache())
    adapter = weights.adapter.model
    count = Counter()

    def counter(name: str, items: str | None = None) -> Any:
        def hook(module: Any, args: tuple, out: Any) -> None:
            count[name] += 1
            if items is not None:
                count[items] += out.shape[0]

        return hook

    counted = [
        (models.plain.model.diffusion_model, counter("unet", "evaluations")),
        (weights.tokenizer.model, counter("tokenizer")),
        *((adapter.get_submodule(path), counter("fusers")) for path in adapter.paths.values()),
    ]
    handles = [module.register_forward_hook(hook) for module, hook in counted]

    def counts() -> dict[str, int]:
        found = {name: count[name] for name in ("tokenizer", "unet", "evaluations", "fusers")}
        count.clear()
        return found

    try:
        full = models.apply(weights=weights)
        found = {"Apply, a new layout of 4 instances": counts()}
        models.apply(weights=weights, fade=0.2, masked_attention="finest level")
        found["Apply again with other settings"] = counts()
        sample(models, full, SIZE, 3)
        found["3 steps"] = counts()
        sample(models, models.plain, SIZE, 3)
        found["3 steps of the plain model"] = counts()
        sample(models, models.apply(weights=weights, start=0.99), SIZE, 3)
        found["3 steps outside start..end"] = counts()
        sample(models, with_multi_instance(full, 1.0, "average", 0), SIZE, 3)
        found["3 steps of multi-instance sampling"] = counts()
    finally:
        for handle in handles:
            handle.remove()
    return found
