"""Does the base listen to its prompt? python probe_text.py STATE_DIR: error of the noise, and of the mean colour, by step.

Compares the right caption with another picture's and with none, and how far the context's tokens differ at all.
"""

import sys
from pathlib import Path

import noise
import pairs
import torch
import train_base


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(1)
    base = pairs.frozen_base(folder)
    pool = train_base.Pool(folder / "pool")
    x, right = pool.held["shapes"]["latents"].float(), pool.held["shapes"]["captions"].long()
    prompts = {"right": right, "other": right.roll(1, 0), "none": pool.empty.long().expand(64, -1)}
    contexts = {name: base.text(ids) for name, ids in prompts.items()}
    spread = contexts["right"].std(0).mean() / contexts["right"].std()
    sys.stdout.write(f"context differs between prompts by {spread:.3f} of its size\n")
    for step in (999, 950, 850, 700, 400):
        t = torch.full((64,), step)
        target = torch.randn_like(x)
        a = noise.alphas(x.device)[step]
        noisy = noise.noised(x, target, t)
        row = [f"t {step}"]
        for name, context in contexts.items():
            out = base.unet._forward(noisy, t.float(), context=context, transformer_options={})
            clean = (noisy - (1 - a).sqrt() * out) / a.sqrt()
            row.append(f"{name} {((out - target) ** 2).mean():.5f} colour {((clean - x).mean((2, 3)) ** 2).mean():.3f}")
        sys.stdout.write("  ".join(row) + "\n")


if __name__ == "__main__":
    main()
