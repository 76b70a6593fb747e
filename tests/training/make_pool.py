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
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from worlds import SHARD

PART = 16  # scenes that are drawn and encoded at once


class Parts(Dataset):
    """Pictures (PART, 3, H, W) uint8 and captions of consecutive scenes of some shards."""

    def __init__(self, shards: list[int]) -> None:
        self.shards = shards

    def __len__(self) -> int:
        return len(self.shards) * SHARD // PART

    def __getitem__(self, at: int) -> tuple[Tensor, dict[str, Tensor]]:
        shard, part = divmod(at, SHARD // PART)
        first = self.shards[shard] * SHARD + part * PART
        scenes = [worlds.scene_of(first + i) for i in range(PART)]
        captions = {
            "captions": tokens.encode([scene.caption for scene in scenes]),
            "bare": tokens.encode([worlds.bare_caption(scene) for scene in scenes]),
            "placed": tokens.encode([scene.placed_caption for scene in scenes]),
        }
        pictures = np.stack([worlds.draw_scene(scene).picture for scene in scenes])
        return torch.from_numpy(pictures).permute(0, 3, 1, 2), captions


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    wanted = [k for k in worlds.numbers(sys.argv[2:]) if not (folder / "pool" / f"{k:04}.pt").exists()]
    parts = iter(DataLoader(Parts(wanted), None, num_workers=lab.painters()))  # before a GPU wakes
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    for shard in wanted:
        latents, captions = [], []
        for _ in range(SHARD // PART):
            pictures, words = next(parts)
            with lab.autocast():
                h = model.encoder(pictures.to(lab.DEVICE) / 127.5 - 1)
            latents.append((model.quant_conv(h.float())[:, :4] * lab.LATENT_SCALE).half())
            captions.append(words)
        joined = {key: torch.cat([words[key] for words in captions]) for key in captions[0]}
        lab.save_state(folder / "pool" / f"{shard:04}.pt", {"latents": torch.cat(latents).cpu(), **joined})
        lab.say(f"shard {shard}")


if __name__ == "__main__":
    main()
