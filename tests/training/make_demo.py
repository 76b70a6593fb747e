"""From the shipped file to the next one in so many minutes, all stages: python make_demo.py STATE_DIR MINUTES FILE

For a machine with a GPU and many cores, where it is all done in a quarter of an hour; on two cores give the stages their hours one by
one (README.md). A stage whose result is in STATE_DIR is skipped, so the same line goes on after an interruption. At the end STATE_DIR/small
holds what is needed to go on elsewhere, some 25 MB.
"""

import os
import subprocess
import sys
from pathlib import Path

import lab
import worlds
from unpack_demo import SHIPPED

HERE = Path(__file__).resolve().parent
SHARES = {"vae": 0.1, "base": 0.5, "instances": 0.4}  # of the minutes; the detector learns beside the base
POOL = ["0-3", "20", "50-52", "100-103", "200-211"]
BATCH = {"vae": 64, "base": 96, "instances": 64}
RATES = {"vae": 1e-3, "base": 1.5e-3, "instances": 2e-3}
COOL = 0.9  # of a stage's minutes in which its rate falls to nothing


class _Running(subprocess.Popen):
    def wait_for(self) -> None:
        if self.wait():
            sys.exit(f"{self.args[1]} ended with {self.returncode}.")


def started(script: str, *arguments: object) -> _Running:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return _Running([sys.executable, str(HERE / script), *map(str, arguments)], env=settings)


def run(script: str, *arguments: object) -> None:
    started(script, *arguments).wait_for()


def shared_out(script: str, folder: Path) -> list[_Running]:
    """The pool's shards, on most of the cores. They need no GPU."""
    shards, cores = worlds.numbers(POOL), max(1, len(os.sched_getaffinity(0)) - 3)
    return [started(script, folder, *shards[i::cores]) for i in range(min(cores, len(shards)))]


def trained(name: str, folder: Path, minutes: float) -> None:
    times = ("--cool", minutes * COOL) if name != "vae" else ()
    until = f"+{minutes}" if name != "vae" else minutes
    run(f"train_{name}.py", folder, until, *times, "--batch", BATCH[name], "--lr", RATES[name])


def small(folder: Path) -> None:
    """Averages alone, in half precision: what unpacking the file would give, and the heads."""
    for name in ("base", "instances"):
        state = lab.load_state(folder / f"{name}.pt")
        if state is None:
            continue
        weights = {key: value.half() for key, value in lab.averaged(state).items()}
        lab.save_state(
            folder / "small" / f"{name}.pt", {"model": weights, "ema_steps": state["ema_steps"], "step": state["step"]}
        )
    vae = lab.load_state(folder / "vae_final.pt") or {}
    lab.save_state(folder / "small" / "vae_final.pt", {key: value.half() for key, value in vae.items()})


def main() -> None:
    folder, minutes, target = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    done = folder / "done"
    done.mkdir(parents=True, exist_ok=True)
    if not (folder / "base.pt").exists():
        run("unpack_demo.py", SHIPPED, folder)
    scenes = shared_out("make_layouts.py", folder)
    if not (done / "vae").exists():
        trained("vae", folder, minutes * SHARES["vae"])
        run("finish_vae.py", folder)
        (done / "vae").touch()
    for process in scenes:
        process.wait_for()
    run("make_pool.py", folder)
    detector = None
    if not (folder / "detector_final.pt").exists():
        detector = started("train_detector.py", folder, minutes * SHARES["base"])
    for name in ("base", "instances"):
        if not (done / name).exists():
            trained(name, folder, minutes * SHARES[name])
            (done / name).touch()
            small(folder)
    if detector:
        detector.wait_for()
    run("pack_demo.py", folder, target)


if __name__ == "__main__":
    main()
