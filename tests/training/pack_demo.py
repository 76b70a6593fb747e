"""Write the demo model's file from the training states: python pack_demo.py STATE_DIR FILE"""

import sys
from dataclasses import asdict
from pathlib import Path

import grounded
import lab
import models
import tokens
from instdiff.instdiff_modules.checkpoint.shapes import InstDiffConfig
from instdiff.instdiff_modules.shapeworld.shipment import Shipment, write_shipment

CONFIG = InstDiffConfig(grounded.SLOTS, grounded.WIDTH, grounded.MID, grounded.WIDTH, grounded.FUSERS, grounded.DECODER, grounded.DEPTHS, grounded.DIMS)


def main() -> None:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    base = lab.averaged(lab.load_state(folder / "base.pt"))
    parts = {name: {key.removeprefix(f"{name}."): value for key, value in base.items() if key.startswith(f"{name}.")} for name in ("unet", "text")}
    parts["vae"] = lab.load_state(folder / "vae_final.pt")
    if (state := lab.load_state(folder / "instances.pt")) is not None:
        net = grounded.Grounding()
        net.load_state_dict(lab.averaged(state))
        parts["instdiff"] = net.official_state_dict()
    config = {"unet": models.UNET, "text": models.CLIP, "vae": lab.DDCONFIG, "vocabulary": tokens.vocabulary(), "instdiff": asdict(CONFIG)}
    target.parent.mkdir(parents=True, exist_ok=True)
    write_shipment(target, Shipment(parts, config))
    lab.say(f"{target}: {target.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
