"""The smallest files to go on from: python export_state.py STATE_DIR TARGET_DIR - averages in half precision, no optimizer."""

import sys
from pathlib import Path

import lab
import torch


def main() -> None:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    for name in ("vae_final.pt", "base.pt", "instances.pt"):
        state = lab.load_state(folder / name)
        if state is None:
            continue
        if "ema" in state:
            state = {"model": state["ema"], "ema_steps": state["ema_steps"], "step": state["step"]}
        lab.save_state(target / name, _half(state))
        lab.say(f"{target / name}: {(target / name).stat().st_size / 2**20:.1f} MB")


def _half(value):
    if isinstance(value, dict):
        return {key: _half(item) for key, item in value.items()}
    return value.to(torch.float16) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


if __name__ == "__main__":
    main()
