"""Write the demo model's file from the training states, and heads.pt with what only training needs: python pack_demo.py STATE_DIR FILE"""

import sys
from dataclasses import asdict
from pathlib import Path

import grounded
import lab
import models
import tokens
import torch
from instdiff.instdiff_modules.checkpoint.shapes import InstDiffConfig
from instdiff.instdiff_modules.shapeworld.demo_file import EMBEDDING, DemoFile
from support.write_demo_file import write_demo_file
from unpack_demo import rest_of

CONFIG = InstDiffConfig(
    grounded.SLOTS,
    grounded.WIDTH,
    grounded.MID,
    grounded.WIDTH,
    grounded.FUSERS,
    grounded.DECODER,
    grounded.DEPTHS,
    grounded.DIMS,
)


def main() -> None:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    states = {name: lab.load_state(folder / f"{name}.pt") for name in ("base", "instances")}
    base = lab.averaged(states["base"])
    parts = {
        name: {key.removeprefix(f"{name}."): value for key, value in base.items() if key.startswith(f"{name}.")}
        for name in ("unet", "text", "heads")
    }
    heads = {key: value.half() for key, value in parts.pop("heads").items()}
    lab.save_state(rest_of(target), {"heads": heads, "steps": {name: state["step"] for name, state in states.items()}})
    parts["vae"] = lab.load_state(folder / "vae_final.pt")
    net = grounded.Grounding()
    net.load_state_dict(lab.averaged(states["instances"]))
    parts["instdiff"] = net.official_state_dict()
    others = tokens.other_words()
    rows = parts["text"][EMBEDDING]
    parts["text"][EMBEDDING] = torch.cat((rows, rows[list(others.values())]))
    config = {
        "unet": models.UNET,
        "text": models.CLIP,
        "vae": lab.DDCONFIG,
        "vocabulary": [*tokens.vocabulary(), *others],
        "instdiff": asdict(CONFIG),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    write_demo_file(target, DemoFile(parts, config))
    lab.say(f"{target}: {target.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
