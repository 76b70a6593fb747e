"""Training states out of the shipped file, to go on from it: python unpack_demo.py FILE STATE_DIR - and `heads.pt`, which is not shipped."""

import sys
from pathlib import Path

import grounded
import lab
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file

REST = (
    Path(__file__).resolve().parent / "heads.pt"
)  # what training needs beside the shipped weights; `pack_demo.py` writes it


def main() -> None:
    parts = {
        name: {key: value.float() for key, value in part.items()}
        for name, part in read_demo_file(Path(sys.argv[1])).tensors.items()
    }
    folder, rest = Path(sys.argv[2]), lab.load_state(REST)
    lab.save_state(folder / "vae_final.pt", parts["vae"])
    base = {f"{name}.{key}": value for name in ("unet", "text") for key, value in parts[name].items()}
    base |= {f"heads.{key}": value.float() for key, value in rest["heads"].items()}
    net = grounded.Grounding()
    net.load_official_state_dict(parts["instdiff"])
    for name, model in (("base", base), ("instances", net.state_dict())):
        lab.save_state(
            folder / f"{name}.pt", {"model": model, "ema": model, "ema_steps": 1000, "step": rest["steps"][name]}
        )


if __name__ == "__main__":
    main()
