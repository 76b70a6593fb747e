"""Scenes as latents: python make_pool.py STATE_DIR

Every shard of scenes/ (make_layouts.py) goes to pool/: latents (n, 4, h, w) half instead of pictures, captions as they are.
"""

import sys
from pathlib import Path

import lab
import torch
import train_vae

PART = 64  # pictures that are encoded at once


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    for path in sorted((folder / "scenes").glob("*.pt")):
        shard = torch.load(path, weights_only=True, mmap=True)
        latents = []
        for part in shard.pop("pictures").split(PART):
            with lab.autocast():
                h = model.encoder(part.to(lab.DEVICE) / 127.5 - 1)
            latents.append((model.quant_conv(h.float())[:, :4] * lab.LATENT_SCALE).half())
        captions = {key: value.clone() for key, value in shard.items()}
        lab.save_state(folder / "pool" / path.name, {"latents": torch.cat(latents).cpu(), **captions})
        path.unlink()
        lab.say(f"shard {path.stem}")


if __name__ == "__main__":
    main()
