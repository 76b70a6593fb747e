"""Does stage two listen to its boxes? python probe_places.py STATE_DIR: error of the velocity by step, with boxes, with other pictures' and with none."""

import sys
from pathlib import Path

import grounded
import lab
import noise
import pairs
import torch
from instdiff.instdiff_modules.grounding.inputs import GroundingInputs
from make_layouts import MOST

COUNT, TIMES = 48, (990, 970, 930, 850, 700, 400)


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1])
    base, net = pairs.frozen_base(folder), grounded.Grounding().to(lab.DEVICE)
    net.load_state_dict(lab.averaged(lab.load_state(folder / "instances.pt")))
    text = pairs.phrase_features(base.text)
    name = min(path.name for path in (folder / "layouts").glob("*.pt"))
    d = {
        k: v[-COUNT:].to(lab.DEVICE)
        for part in ("pool", "layouts")
        for k, v in torch.load(folder / part / name, weights_only=True).items()
    }
    there = torch.arange(MOST, device=lab.DEVICE) < d["count"][:, None]

    def slots(values: torch.Tensor) -> torch.Tensor:
        return values * there[..., None]

    flag, none = there.float(), torch.zeros(COUNT, grounded.SLOTS, device=lab.DEVICE)
    right = GroundingInputs(
        slots(d["boxes"]),
        slots(d["points"][:, :, 0]),
        none[..., None].expand(-1, -1, 40),
        none[..., None].expand(-1, -1, 512),
        torch.zeros(0, grounded.SLOTS, 1, 1, device=lab.DEVICE),
        slots(text[d["phrase"].long()]),
        flag,
        flag,
        flag,
        none,
        none,
        none[:, 0],
    )
    given = {
        "right": right,
        "others'": GroundingInputs(*(v.roll(1, 0) for v in right)),
        "none": GroundingInputs(*(torch.zeros_like(v) for v in right)),
    }
    x, context = d["latents"].float(), base.text(d["captions"].long())
    for step in TIMES:
        t = torch.full((COUNT,), step, device=lab.DEVICE)
        target = torch.randn(x.shape, generator=torch.Generator().manual_seed(step)).to(lab.DEVICE)
        errors = {}
        for which, inputs in given.items():
            patches = net.patches(net.tokens(inputs))
            with lab.autocast():
                out = base.unet._forward(
                    noise.noised(x, target, t), t.float(), context=context, transformer_options={"patches": patches}
                )
            errors[which] = ((out.float() - noise.velocity(x, target, t)) ** 2).mean().item()
        sys.stdout.write(f"t {step}: " + ", ".join(f"{which} {error:.5f}" for which, error in errors.items()) + "\n")


if __name__ == "__main__":
    main()
