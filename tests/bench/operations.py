"""What a guided step is made of: how many operations launch work, and where the time goes.

    python tests/bench/operations.py [--size 512] [--device cuda]    launches, beside the most that there should be
    python tests/bench/operations.py --seconds [--size 512]          seconds and multiply-adds, on one core

Weights of the real size (tests/bench/cost.py makes them), four instances, guidance on, the second step of a run. Launches are operator
calls on a CPU in bfloat16, the same on every machine, and kernels on a GPU. --seconds compares the full case with
the plain one and writes results/operations_SIZE.json beside this file and the table in web/about/cost.md.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

HERE = Path(__file__).resolve().parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--size",
        type=int,
        help="side of the square picture, in pixels (default: 512; 64 for a CPU's launches, as many at any size)",
    )
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", action="store_true", help="where a CPU's time goes, instead of launches")
    parser.add_argument("--rounds", type=int, default=3, help="of --seconds")
    parser.add_argument(
        "--weights", type=Path, help="folder of the random weights (default: beside quickstart's ComfyUI)"
    )
    parser.add_argument("--tiny", action="store_true", help="small weights: two resolutions, one block each")
    given = parser.parse_args()
    if given.seconds and (given.device != "cpu" or given.batch != 1):
        parser.error("--seconds measures one picture on a CPU")
    given.size = given.size or (512 if given.seconds or given.device == "cuda" else 64)
    return given


def main(given: argparse.Namespace) -> None:
    import comfy.utils
    import torch
    from bench import launches, seconds, write_pages
    from bench.cases import Models
    from support.environment import home

    torch.set_num_threads(1)
    comfy.utils.PROGRESS_BAR_ENABLED = False
    with torch.no_grad():
        models = Models(
            given.weights or home() / "bench" / ("tiny" if given.tiny else "full"), given.tiny, half=not given.seconds
        )
        if not given.seconds:
            steps = {
                case: launches.count_launches(models, case, given.size, given.batch, given.device)
                for case in launches.CASES
            }
            print(launches.table(steps, given.device))
            return
        rows = seconds.rows(models, given.size, given.rounds)
    print(seconds.table(rows, given.size))
    if not given.tiny:
        (HERE / "results" / f"operations_{given.size}.json").write_text(
            json.dumps({"size": given.size, "rounds": given.rounds, "rows": rows}, indent=1) + "\n", encoding="utf-8"
        )
        write_pages.write()


if __name__ == "__main__":
    options = arguments()
    from support.environment import prepare

    prepare(__file__, options.device)
    main(options)
