"""How well the detector reads the VAE's reconstructions: python check_vae.py STATE_DIR [SCENES]"""

import sys
from pathlib import Path

import lab
import numpy as np
import torch
import train_vae
from instdiff.instdiff_modules.shapeworld.detector import detect
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene


@torch.no_grad()
def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    torch.set_num_threads(1)
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae_final.pt"))
    total = found = shape = color = texture = extra = 0
    overlap = []
    misread: dict[str, int] = {}
    for i in range(count):
        scene = random_scene((9, i))
        drawn = render(scene)
        x = torch.from_numpy(drawn.picture).permute(2, 0, 1)[None].to(lab.DEVICE) / 127.5 - 1
        with lab.autocast():
            y = model.decoder(model.post_quant_conv(model.quant_conv(model.encoder(x))[:, :4]))
        picture = ((y[0].float().cpu() + 1) * 127.5).clamp(0, 255).round().byte().permute(1, 2, 0).numpy()
        _, detections = detect(picture)
        extra += max(len(detections) - len(scene.things), 0)
        for thing, mask in zip(scene.things, drawn.visible, strict=True):
            total += 1
            ious = [(d.mask & mask).sum() / (d.mask | mask).sum() for d in detections]
            if not ious or max(ious) < 0.5:
                continue
            d = detections[int(np.argmax(ious))]
            found += 1
            overlap.append(max(ious))
            shape, color, texture = (
                shape + (d.shape == thing.shape),
                color + (d.color == thing.color),
                texture + (d.texture == thing.texture),
            )
            for was, read in ((thing.shape, d.shape), (thing.texture, d.texture), (thing.color, d.color)):
                if was != read:
                    misread[f"{was} as {read}"] = misread.get(f"{was} as {read}", 0) + 1
    lab.say(
        f"{total} objects, found {found / total:.3f}, of these shape {shape / found:.3f} colour {color / found:.3f} "
        f"texture {texture / found:.3f} mask IoU {np.mean(overlap):.3f}; {extra} too many; {misread}"
    )


if __name__ == "__main__":
    main()
