"""From the shipped file to the next one in so many minutes, all stages: python make_demo.py STATE_DIR MINUTES FILE [BATCH]

For a machine with a GPU and many cores, where it is all done in a quarter of an hour; on two cores give the stages their hours one by
one (README.md). A stage whose result is in STATE_DIR is skipped, so the same line goes on after an interruption. At the end STATE_DIR/small
holds what is needed to go on elsewhere, some 25 MB.
"""

import os
import subprocess
import sys
from pathlib import Path

import lab

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "instdiff_modules" / "shapeworld" / "demo_model.safetensors"
SHARES = {"vae": 0.1, "detector": 0.1, "base": 0.45, "instances": 0.35}  # of the minutes
POOL = ["0-3", "20-21", "100-107", "200-231"]
COOL = 0.6  # of a stage's minutes in which its rate falls to nothing


def run(script: str, *arguments: object) -> None:
    _started(script, *arguments).wait_for()


class _Running(subprocess.Popen):
    def wait_for(self) -> None:
        if self.wait():
            sys.exit(f"{self.args[1]} ended with {self.returncode}.")


def _started(script: str, *arguments: object) -> _Running:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return _Running([sys.executable, str(HERE / script), *map(str, arguments)], env=settings)


def shared_out(script: str, folder: Path) -> list[_Running]:
    """The pool's shards, on as many processes as there are cores."""
    import worlds

    shards, cores = worlds.numbers(POOL), len(os.sched_getaffinity(0))
    parts = [shards[i::cores] for i in range(cores)]
    return [_started(script, folder, *part) for part in parts if part]


def trained(script: str, folder: Path, minutes: float, batch: int) -> None:
    run(script, folder, f"+{minutes}", "--cool", minutes * COOL, "--batch", batch)


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
    batch = int(sys.argv[4]) if len(sys.argv) > 4 else 192
    done = folder / "done"
    done.mkdir(parents=True, exist_ok=True)
    if not (folder / "base.pt").exists():
        run("unpack_demo.py", SHIPPED, folder)
    layouts = shared_out("make_layouts.py", folder)  # they need no VAE
    if not (done / "vae").exists():
        run("train_vae.py", folder, minutes * SHARES["vae"], "--batch", 32)
        run("finish_vae.py", folder)
        (done / "vae").touch()
    for process in shared_out("make_pool.py", folder):
        process.wait_for()
    for process in layouts:
        process.wait_for()
    if not (folder / "detector_final.pt").exists():
        run("train_detector.py", folder, minutes * SHARES["detector"])
    for name in ("base", "instances"):
        if not (done / name).exists():
            trained(f"train_{name}.py", folder, minutes * SHARES[name], batch)
            (done / name).touch()
            small(folder)
    run("pack_demo.py", folder, target)


if __name__ == "__main__":
    main()
