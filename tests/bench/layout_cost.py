"""What Apply Layout costs, by counted multiply-adds: tiny models of each family at 1024 x 1024 pixels (SD1.5: 512 x 512).

    python tests/bench/layout_cost.py

Six instances, prompts as long as each family's text encoder makes them. A step is counted: without a layout, under
regions, and with the instances' windows besides, as in the steps that run in branches. Masked conditioning runs the model once
more for each instance. Steps are guided (cfg 3), but in the rows of a distilled model (cfg 1).
Writes layout_cost.json beside this file and the table in web/about/models.md.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.environment import prepare

if __name__ == "__main__":
    prepare(__file__)

import torch
from bench import write_pages
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.nodes.apply_layout import InstDiffApplyLayout
from instdiff.nodes.sampler import with_multi_instance
from support.region_models import TinyClip, conditioning, noise, tiny_model
from support.region_runs import sample
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """tokens: of a prompt of a few words; side: of the picture, in latent cells."""

    model: str
    tokens: int
    side: int = 128
    cfg: float = 3.0


# CLIP pads a prompt to 77 tokens, T5 to 256 (SD3: 77 + 77); with the others, and with T5 Tokenizer Options, it is as long as its words
CASES = {
    "SD1.5": Case("SD1.5", 77, 64),
    "SDXL": Case("SDXL", 77),
    "SD3": Case("SD3", 154),
    "FLUX.1": Case("FLUX.1", 256),
    "FLUX.1, cfg 1": Case("FLUX.1", 256, cfg=1.0),
    "FLUX.1, cfg 1, prompts without padding": Case("FLUX.1", 16, cfg=1.0),
    "Qwen-Image": Case("Qwen-Image", 16),
    "Z-Image": Case("Z-Image", 16),
}
BOXES = [(x, y, x + 0.3, y + 0.3) for y in (0.1, 0.6) for x in (0.02, 0.35, 0.68)]


class LongClip(TinyClip):
    """Prompts of the family's own length."""

    def __init__(self, name: str, tokens: int) -> None:
        super().__init__(name)
        self.tokens = tokens

    def encode_from_tokens_scheduled(self, prompt: str) -> list:
        return conditioning(self.name, prompt, self.tokens)


def costs(case: Case) -> dict[str, float]:
    """Multiply-adds of a step over those without a layout."""
    name, side = case.model, case.side
    start = noise(name, 1, side, side)
    layout = Layout(tuple(Instance(str(i), f"thing {i}", box=box) for i, box in enumerate(BOXES)), 8 * side, 8 * side)
    prompt, negative = (conditioning(name, words, case.tokens) for words in ("a scene", "bad"))
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0}
    with torch.inference_mode():
        model, positive, _ = InstDiffApplyLayout.execute(
            tiny_model(name), LongClip(name, case.tokens), prompt, (layout,), negative=negative, **widgets
        ).args
    windows = with_multi_instance(model, 1.0, "crop and paste", 0)
    runs = {"plain": (tiny_model(name), prompt), "regions": (model, positive), "windows": (windows, positive)}
    counted = {}
    for run, (patched, conds) in runs.items():
        counter = FlopCounterMode(display=False)
        with counter:
            sample(name, patched, conds, start, steps=1, negative=negative, cfg=case.cfg)
        counted[run] = counter.get_total_flops()
    calls, plain = (
        (1 + len(BOXES), 1) if case.cfg == 1 else (1 + len(BOXES) + 1, 2)
    )  # the last one: the negative prompt
    return {run: flops / counted["plain"] for run, flops in counted.items()} | {"masked": calls / plain}


def main() -> None:
    found = {}
    for title, case in CASES.items():
        found[title] = costs(case) | {"tokens": case.tokens}
        sys.stderr.write(f"{title}: {found[title]}\n")
    result = {"instances": len(BOXES), "command": "python tests/bench/layout_cost.py", "families": found}
    (HERE / "layout_cost.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
