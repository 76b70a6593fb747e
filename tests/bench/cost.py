"""What InstDiff costs, beside what the arithmetic alone would cost.

    python tests/bench/cost.py --device cpu|cuda --sizes 256,512 --instances 1,4,8,30 --json FILE

All cases of a size run in turn, in every round, on one model with random weights of SD1.5's size, with the same sampler,
batch and attention: each ratio is to the mean of the plain KSampler just before and just after it, the figure is the median over the
rounds and the spread goes from the least to the greatest. On a CPU one core is used (--threads N for more) and its own time is counted.
FILE is written after every run; what it holds from the same machine, settings and code is kept and continued.

Names of the figures, for --only: scaleu_512, fusers_512, full_512 (four instances), outside_512 (a step outside start..end),
masked_512 (masked attention), instances30_512, mis6_exact and mis6_fast (six instances, 20 steps, share 0.2, over no multi-instance
sampling), tokenizer, counts. A size 512b4 is a batch of four: full_512b4. On a GPU each case of each size also says how long a step keeps
the GPU busy, how many kernels it launches, and the peak of memory. --tiny: small weights, to try the command. Table and plot: tests/bench/report.py FILE.
Figures in tests/bench/results go into web/about/cost.md (tests/bench/write_pages.py).
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def pictures(text: str) -> list[str]:
    """ "256,512b4" -> ["256", "512b4"]: sides of square pictures, with the batch where it is not one."""
    names = text.split(",")
    for name in names:
        side, _, batch = name.partition("b")
        if int(side) < 64 or int(side) % 64 or int(batch or 1) < 1:
            raise ValueError(name)
    return names


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--sizes",
        type=pictures,
        default=["256", "512"],
        help="sides of square pictures, in pixels, multiples of 64; 512b4: a batch of four",
    )
    parser.add_argument("--instances", type=numbers, default=[1, 4, 8, 30])
    parser.add_argument(
        "--branches", type=numbers, default=[1, 2, 4, 6, 8], help="numbers of instances with multi-instance sampling"
    )
    parser.add_argument("--mis-size", help="one of the sizes, for multi-instance sampling (default: the first)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--steps", type=int, default=2, help="steps of a run that are timed; the first is not counted, it fills caches"
    )
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of figures, separated by commas")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so many minutes")
    parser.add_argument("--json", type=Path, help="file to write, and to continue")
    parser.add_argument(
        "--weights", type=Path, help="folder for the random weights (default: beside quickstart's ComfyUI)"
    )
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    if given.steps < 2 or given.rounds < 1:
        parser.error("expected at least 2 steps and 1 round")
    given.mis_size = given.mis_size or given.sizes[0]
    return given


def main(given: argparse.Namespace) -> int:
    import torch
    from bench.cases import Models
    from bench.measuring import Bench
    from bench.report import table
    from bench.write_pages import HERE, write
    from support.environment import home

    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("Expected a GPU for --device cuda, found none that this torch can use.")
    torch.set_num_threads(given.threads)
    folder = given.weights or home() / "bench" / ("tiny" if given.tiny else "full")
    with torch.no_grad():  # as kernels are counted
        bench = Bench(Models(folder, given.tiny), given, stop_at=time.monotonic() + 60 * given.minutes)
        finished = bench.run()
    print(table(bench.data))
    if given.json is not None and given.json.resolve().parent == HERE / "results":
        write()
    if not finished:
        print("Not finished: the time was up. Start again with the same --json to go on.")
    return 0


if __name__ == "__main__":
    options = arguments()
    from support.environment import prepare

    prepare(__file__, options.device)
    raise SystemExit(main(options))
