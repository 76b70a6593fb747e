"""What Apply Layout costs, by counted multiply-adds: tiny models of each family at 1024 x 1024 pixels (SD1.5 and SD3: 512 x 512).

    python tests/bench/layout_cost.py

Six instances, prompts as long as each family's text encoder makes them. A guided step is counted: without a layout, under
regions, and with the instances' windows besides, as in the steps that run in branches. Masked conditioning runs the model once
more for each instance. Writes layout_cost.json beside this file and the table in web/about/models.md.
"""

import json
import sys
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
# tokens that a prompt of a few words has: padded by CLIP (77) and T5 (256), as long as it is with the others
TOKENS = {"SD1.5": 77, "SDXL": 77, "SD3": 154, "FLUX.1": 256, "Qwen-Image": 16, "Z-Image": 16}
SIDES = {"SD1.5": 64, "SD3": 64}  # latent cells; others 128
BOXES = [(x, y, x + 0.3, y + 0.3) for y in (0.1, 0.6) for x in (0.02, 0.35, 0.68)]


class LongClip(TinyClip):
    """Prompts of the family's own length."""

    def encode_from_tokens_scheduled(self, prompt: str) -> list:
        return conditioning(self.name, prompt, TOKENS[self.name])


def costs(name: str, side: int) -> dict[str, float]:
    """Multiply-adds of a guided step over those without a layout."""
    start = noise(name, 1, side, side)
    layout = Layout(tuple(Instance(str(i), f"thing {i}", box=box) for i, box in enumerate(BOXES)), 8 * side, 8 * side)
    prompt, negative = (conditioning(name, words, TOKENS[name]) for words in ("a scene", "bad"))
    widgets = {"strength": 1.0, "start": 0.0, "end": 1.0, "global_share": 1.0}
    with torch.inference_mode():
        model, positive, _ = InstDiffApplyLayout.execute(
            tiny_model(name), LongClip(name), prompt, (layout,), negative=negative, **widgets
        ).args
    windows = with_multi_instance(model, 1.0, "crop and paste", 0)
    cases = {"plain": (tiny_model(name), prompt), "regions": (model, positive), "windows": (windows, positive)}
    counted = {}
    for case, (patched, conds) in cases.items():
        counter = FlopCounterMode(display=False)
        with counter:
            sample(name, patched, conds, start, steps=1, negative=negative)
        counted[case] = counter.get_total_flops()
    masked = (1 + len(BOXES) + 1) / 2  # every instance's prompt on the whole picture, and one negative
    return {case: flops / counted["plain"] for case, flops in counted.items()} | {"masked": masked}


def main() -> None:
    found = {}
    for name in TOKENS:
        found[name] = costs(name, SIDES.get(name, 128)) | {"tokens": TOKENS[name]}
        sys.stderr.write(f"{name}: {found[name]}\n")
    result = {"instances": len(BOXES), "command": "python tests/bench/layout_cost.py", "families": found}
    (HERE / "layout_cost.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_pages.write()


if __name__ == "__main__":
    main()
