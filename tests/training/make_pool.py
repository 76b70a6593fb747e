"""Scenes as latents, in shards that the training reads as they appear: python make_pool.py STATE_DIR SHARDS...  (7 or 100-107)

Shard k (`worlds.py` says what is in it): latents (n, 4, h, w) half, row numbers of the global caption with and without the
background and with places in words, (n, 77) each.
"""

import sys
from pathlib import Path

import lab
import numpy as np
import tokens
import torch
import train_vae
import worlds
from worlds import SHARD


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    for shard in worlds.numbers(sys.argv[2:]):
        path = folder / "pool" / f"{shard:04}.pt"
        known = lab.load_state(path) or {}
        if "placed" in known:
            continue
        scenes = [worlds.scene_of(shard * SHARD + i) for i in range(SHARD)]
        captions = {
            "captions": tokens.encode([scene.caption for scene in scenes]),
            "bare": tokens.encode([worlds.bare_caption(scene) for scene in scenes]),
            "placed": tokens.encode([scene.placed_caption for scene in scenes]),
        }
        if known:
            lab.save_state(path, {**known, **captions})
            continue
        latents = []
        for at in range(0, SHARD, 16):
            x = (
                torch.from_numpy(np.stack([worlds.draw_scene(scene).picture for scene in scenes[at : at + 16]]))
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
