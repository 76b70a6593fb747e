"""The demo model of things from the shipped file, and beside it the flow transformer, on a GPU: python make_things.py STATE_DIR FLOW_DIR BASE INSTANCES FLOW

BASE, INSTANCES and FLOW are the minutes of the three trainings; the detector of things learns beside the first on the processor's cores. The
scenes are planned before, on any machine: `plan_things.py STATE_DIR 200-299`. STATE_DIR/small, FLOW_DIR/small and STATE_DIR/detector_final.pt hold
what is needed to go on elsewhere; base alone is there before the instances begin.
"""

import sys
from pathlib import Path

import lab
from make_demo import BATCH, RATES, run, small, started
from unpack_demo import SHIPPED

FLOW_SHARDS = ("0", "1", "2", "3", "4", "5", "20", "21", "50", "51", "52", "53", "102", "105")
MASKS = 0.12  # share of the batches of instances: the shipped tokenizer knows masks, and these batches are the slowest


def cooled(minutes: float) -> tuple[str, ...]:
    """A training's end, and the same minutes for its rate to fall to nothing."""
    return f"+{minutes}", "--cool", f"{minutes}"


def main() -> None:
    folder, beside = Path(sys.argv[1]), Path(sys.argv[2])
    base, instances, flow = map(float, sys.argv[3:6])
    for process in [
        started("unpack_demo.py", SHIPPED, one) for one in (folder, beside) if not (one / "base.pt").exists()
    ]:
        process.wait_for()
    scenes = [started("make_layouts.py", beside, shard, "--pictures") for shard in FLOW_SHARDS]
    run("paint_things.py", folder)
    for process in scenes:
        process.wait_for()
    pool, detector = started("make_pool.py", beside), started("train_detector.py", folder, base)
    run("train_base.py", folder, *cooled(base), "--batch", BATCH["base"], "--lr", RATES["base"])
    small(folder)
    lab.say("base is done")
    pool.wait_for()
    learning = started("train_flow.py", beside, *cooled(flow))
    rest = ("--batch", BATCH["instances"], "--lr", RATES["instances"], "--masks", MASKS)
    run("train_instances.py", folder, *cooled(instances), *rest)
    small(folder)
    for process in (learning, detector):
        process.wait_for()
    lab.say("all is done")


if __name__ == "__main__":
    main()
