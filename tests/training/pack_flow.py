"""Write the flow transformer's file from its training's small state: python pack_flow.py STATE_DIR/small/flow.pt FILE"""

import json
import sys
from pathlib import Path

import lab
from safetensors.torch import save_file


def main() -> None:
    state, target = lab.load_state(Path(sys.argv[1])), Path(sys.argv[2])
    weights = {key: value.half().contiguous() for key, value in state["model"].items()}
    save_file(weights, target, metadata={"config": json.dumps(state["config"]), "steps": str(state["step"])})
    lab.say(f"{target}: {target.stat().st_size / 1e6:.1f} MB after {state['step']} steps")


if __name__ == "__main__":
    main()
