"""The factors that make previews of the demo model's latents: python preview_factors.py [SCENES]

Prints, for nodes/demo_model.py, the least-squares map from a latent (as samplers see it, 4 channels) to the mean colour of its
8x8 pixels in -1..1, and how well it and SD1.5's own explain the colours of scenes that it was not fitted to.
"""

import sys

import lab
import torch
from comfy.latent_formats import SD15
from instdiff.nodes.demo_model import DEMO_FILE, load_vae, read_demo_file
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene
from torch import Tensor

STREAM, HELD_OUT = 12, 13  # of random scenes: to fit to, to measure with


@torch.inference_mode()
def pairs(vae: object, stream: int, count: int) -> tuple[Tensor, Tensor]:
    """Latents with a one appended (n, 5), and colours in -1..1 (n, 3), of every place of `count` scenes."""
    latents, colors = [], []
    for i in range(count):
        picture = torch.from_numpy(render(random_scene((stream, i))).picture)[None].float() / 255
        latents.append(vae.encode(picture).movedim(1, -1).reshape(-1, 4) * lab.LATENT_SCALE)
        blocks = torch.nn.functional.avg_pool2d(picture.movedim(-1, 1), 8)
        colors.append(blocks.movedim(1, -1).reshape(-1, 3) * 2 - 1)
    x = torch.cat(latents).double()
    return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1), torch.cat(colors).double()


def explained(x: Tensor, y: Tensor, factors: Tensor) -> str:
    """R2 of red, green, blue."""
    shares = 1 - (x @ factors - y).square().mean(0) / y.var(0, correction=0)
    return " ".join(f"{share:.3f}" for share in shares.tolist())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    torch.set_num_threads(1)
    vae = load_vae(read_demo_file(DEMO_FILE))
    factors = torch.linalg.lstsq(*pairs(vae, STREAM, count)).solution
    held_out = pairs(vae, HELD_OUT, max(count // 4, 1))
    stock = torch.cat([torch.tensor(SD15().latent_rgb_factors).double(), torch.zeros(1, 3).double()])
    lab.say("\n".join(str([round(value, 4) for value in row]) for row in factors.tolist()))
    lab.say(f"R2 of other scenes: {explained(*held_out, factors)}; with SD1.5's factors: {explained(*held_out, stock)}")


if __name__ == "__main__":
    main()
