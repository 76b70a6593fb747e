"""Scenes as latents, in shards that the training reads as they appear: python make_pool.py STATE_DIR SHARDS [FIRST]

Shard k holds the scenes of seeds k * 1024 ... of stream 7, from shard 20 on with few colours: latents (n, 4, 32, 32) half, row numbers of the global
caption with and without the background and with places in words, (n, 77) each.
"""

import sys
from dataclasses import replace
from pathlib import Path

import lab
import numpy as np
import tokens
import torch
import train_vae
from instdiff.instdiff_modules.shapeworld.vocabulary import COLOR_NAMES
from support.shapeworld.captions import sentence
from support.shapeworld.render import render
from support.shapeworld.scene import Scene, random_scene

SHARD, STREAM = 1024, 7
FEW_COLORS_FROM = (
    20 * SHARD
)  # else a colour nearly always tells which thing is meant, and by a scribble the shape is not learned


def pool_scene(number: int) -> Scene:
    """The scene of a number; from FEW_COLORS_FROM on its things stand apart and share one colour, or two."""
    if number < FEW_COLORS_FROM:
        return random_scene((STREAM, number))
    scene = random_scene((STREAM, number), counts=(2, 6), overlaps=False)
    rng = np.random.default_rng((STREAM, number, 1))
    few = rng.choice([name for name in COLOR_NAMES if name != scene.background], rng.integers(1, 3), replace=False)
    return replace(scene, things=tuple(replace(thing, color=str(rng.choice(few))) for thing in scene.things))


@torch.no_grad()
def main() -> None:
    folder, first = Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
    torch.set_num_threads(1)
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    for shard in range(first, int(sys.argv[2])):
        path = folder / "pool" / f"{shard:04}.pt"
        known = lab.load_state(path) or {}
        if "placed" in known:
            continue
        scenes = [pool_scene(shard * SHARD + i) for i in range(SHARD)]
        captions = {
            "captions": tokens.encode([scene.caption for scene in scenes]),
            "bare": tokens.encode([sentence([thing.phrase for thing in scene.things], None) for scene in scenes]),
            "placed": tokens.encode([scene.placed_caption for scene in scenes]),
        }
        if known:
            lab.save_state(path, {**known, **captions})
            continue
        latents = []
        for at in range(0, SHARD, 16):
            x = (
                torch.from_numpy(np.stack([render(scene).picture for scene in scenes[at : at + 16]]))
                .permute(0, 3, 1, 2)
                .to(lab.DEVICE)
                / 127.5
                - 1
            )
            with lab.autocast():
                h = model.encoder(x)
            mean = model.quant_conv(h.float())[:, :4]
            latents.append((mean * lab.LATENT_SCALE).to("cpu", torch.float16))
        lab.save_state(path, {"latents": torch.cat(latents), **captions})
        lab.say(f"shard {shard}")


if __name__ == "__main__":
    main()
