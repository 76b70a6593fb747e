"""A training state out of a packed flow transformer, to go on from it: python unpack_flow.py flow.safetensors STATE_DIR"""

import sys
from pathlib import Path

import lab
from safetensors import safe_open


def main() -> None:
    with safe_open(sys.argv[1], "pt") as file:
        weights = {f"net.{key}": file.get_tensor(key).float() for key in file.keys()}
        steps = int(file.metadata()["steps"])
    state = {"model": weights, "ema": weights, "ema_steps": 1000, "step": steps}
    lab.save_state(Path(sys.argv[2]) / "flow.pt", state)


if __name__ == "__main__":
    main()
