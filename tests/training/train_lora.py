"""A LoRA for the demo model that makes things checkered without being told: python train_lora.py STATE_DIR MINUTES OUT.safetensors

For the tests of a LoRA that acts on one instance. Learned from the model itself: with the LoRA, plain words and plain instances shall give
what checkered ones give without it.
"""

import sys
import time
from pathlib import Path

import grounded
import lab
import make_layouts
import noise
import pairs as data
import safetensors.torch
import tokens
import torch
from instdiff.instdiff_modules.shapeworld.vocabulary import TEXTURES
from torch import nn

RANK, BATCH, LR, TEXTURE = 4, 8, 1e-3, "checkered"
PLACES = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.2")


class LoRA(nn.Module):
    """Pairs of thin matrices beside the attention layers of a UNet; `on` says whether they count."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.on, self.names = (
            False,
            [name for name, layer in unet.named_modules() if isinstance(layer, nn.Linear) and name.endswith(PLACES)],
        )
        layers = [unet.get_submodule(name) for name in self.names]
        self.down = nn.ParameterList(torch.randn(RANK, layer.in_features) / RANK for layer in layers)
        self.up = nn.ParameterList(torch.zeros(layer.out_features, RANK) for layer in layers)
        for layer, down, up in zip(layers, self.down, self.up, strict=True):
            layer.register_forward_hook(
                lambda _, given, out, down=down, up=up: out + given[0] @ down.T @ up.T if self.on else out
            )

    def weights(self) -> dict[str, torch.Tensor]:
        """Under the names that ComfyUI's LoRA loader knows."""
        parts = {f"diffusion_model.{name}.lora_up.weight": up for name, up in zip(self.names, self.up, strict=True)}
        parts |= {
            f"diffusion_model.{name}.lora_down.weight": down for name, down in zip(self.names, self.down, strict=True)
        }
        return {name: part.detach().half().contiguous() for name, part in parts.items()}


def main() -> None:
    folder, minutes, path = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base, net = data.frozen_base(folder), grounded.Grounding().to(lab.DEVICE)
    net.load_state_dict(lab.averaged(lab.load_state(folder / "instances.pt")))
    net.requires_grad_(False).eval()
    features = data.phrase_features(base.text)
    pairs = data.Pairs(folder, features)
    squares = pairs.data[data.SQUARE]
    kinds = torch.arange(len(make_layouts.SHAPE_PHRASES)) // len(TEXTURES) * len(TEXTURES)
    versions = []
    for texture in ("plain", TEXTURE):
        which = kinds + TEXTURES.index(texture)
        ids = tokens.encode([make_layouts.SHAPE_PHRASES[i] for i in which])
        versions.append((features[which], ids[squares["phrase"][:, 0].long()]))
    lora = LoRA(base.unet).to(lab.DEVICE)
    optimizer, begin, mean, step = torch.optim.AdamW(lora.parameters(), lr=LR, weight_decay=0), time.time(), 0.0, 0
    while (spent := (time.time() - begin) / minutes / 60) < 1:
        t, out = None, []
        for (pairs.text, words), lora.on in zip(versions, (True, False), strict=True):
            squares["captions"] = squares["bare"] = words
            torch.manual_seed(step)
            x, ids, inputs, *_ = pairs.batch(data.SQUARE, BATCH, 0)
            t = noise.draw_times(len(x), x.device)
            with lab.autocast(), torch.set_grad_enabled(lora.on):
                options = {"patches": net.patches(net.tokens(inputs))}
                out.append(
                    base.unet._forward(
                        noise.noised(x, noise.draw_noise(x), t),
                        t.float(),
                        context=base.text(ids),
                        transformer_options=options,
                    ).float()
                )
        loss = (noise.loss_weights(t) * ((out[0] - out[1]) ** 2).mean((1, 2, 3))).mean()
        before = (noise.loss_weights(t) * (out[1] ** 2).mean((1, 2, 3))).mean().item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = LR * min(1, 2 * (1 - spent))
        optimizer.step()
        mean, step = (loss.item() if not step else 0.98 * mean + 0.02 * loss.item()), step + 1
        if step % 20 == 0:
            lab.say(f"step {step}, error {mean:.5f} (of {before:.3f})")
    safetensors.torch.save_file(lora.weights(), path)


if __name__ == "__main__":
    main()
