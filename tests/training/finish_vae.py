"""Fold the latents' scale into the VAE, so that ComfyUI's 0.18215 gives unit variance: python finish_vae.py STATE_DIR

Reads vae.pt, writes vae_final.pt (float32) and a grid of pictures with their reconstructions.
"""

import sys
from pathlib import Path

import lab
import torch
import train_vae


def fold(model: torch.nn.Module, latents: torch.Tensor) -> None:
    """Make the mean latents (n, 4, h, w) of `model` have mean 0 and standard deviation 1 / 0.18215 per channel."""
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3)) * lab.LATENT_SCALE
    quant, post = model.quant_conv, model.post_quant_conv
    quant.bias.data[:4] = (quant.bias.data[:4] - mean) / std
    quant.weight.data[:4] /= std[:, None, None, None]
    quant.bias.data[4:] -= 2 * std.log()  # log-variances
    post.bias.data += post.weight.data[:, :, 0, 0] @ mean
    post.weight.data *= std[None, :, None, None]


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    model = train_vae.build().to(lab.DEVICE)
    model.load_state_dict(lab.load_state(folder / "vae.pt")["ema"])
    x = torch.cat(train_vae.pictures(99, 24)).to(lab.DEVICE).permute(0, 3, 1, 2) / 127.5 - 1
    latents = torch.cat([model.quant_conv(model.encoder(part)).chunk(2, 1)[0] for part in x.split(8)])
    before = model.decoder(model.post_quant_conv(latents[:8]))
    if not (folder / "vae_before.pt").exists():  # else it has kept to latents of the right scale
        fold(model, latents)
    mean, logvar = model.quant_conv(model.encoder(x[:8])).chunk(2, 1)
    after = model.decoder(model.post_quant_conv(mean))
    lab.say(
        f"scaled std {mean.mul(lab.LATENT_SCALE).std((0, 2, 3)).tolist()} noise {(0.5 * logvar).exp().mul(lab.LATENT_SCALE).mean():.3f}"
    )
    lab.say(
        f"folding changes pictures by {(after - before).abs().max():.5f}; L1 {(after - x[:8]).abs().mean() / 2:.4f}"
    )
    lab.save_state(folder / "vae_final.pt", {k: v.cpu() for k, v in model.state_dict().items()})
    lab.save_grid(folder / "grids" / "vae_final.png", torch.cat((x[:8], after)) / 2 + 0.5, 8)


if __name__ == "__main__":
    main()
