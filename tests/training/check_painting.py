"""Are the painted shards those of `render_things`? python check_painting.py [SHARDS...]: pixels that differ by more than rounding, and labels that differ."""

import sys

import lab
import numpy as np
import paint_things
import plan_things
import worlds
from support.thingworld.render import render_things
from support.thingworld.scene import random_things

COUNT = 24  # scenes of a shard
EDGE_SHARE = 1e-4  # of the pixels may lie on the other side of a line between two colours, or two things


def main() -> None:
    for shard in worlds.numbers(sys.argv[1:] or ["200", "201", "203", "205"]):
        first, (width, height) = shard * worlds.SHARD, worlds.plan(shard).size
        plan = plan_things.planned(first, COUNT)
        book = paint_things.atlas([plan])
        pictures, labels = paint_things.paint(
            paint_things.plan_of(plan, book), book.pixels.to(lab.DEVICE), width, height
        )
        pictures, labels = pictures.permute(0, 2, 3, 1).cpu().numpy(), labels.cpu().numpy()
        far = wrong = 0
        for n in range(COUNT):
            drawn = render_things(
                random_things((worlds.THING_STREAM, first + n), width, height, worlds.plan(shard).counts)
            )
            far += int((np.abs(drawn.picture.astype(int) - pictures[n]) > 1).any(-1).sum())
            numbers = np.arange(1, len(drawn.visible) + 1, dtype=np.uint8)[:, None, None]
            wrong += int(((drawn.visible * numbers).sum(0) != labels[n]).sum())
        lab.say(f"shard {shard}: {far} pixels and {wrong} labels of {labels.size} differ")
        if max(far, wrong) > EDGE_SHARE * labels.size:
            sys.exit(1)


if __name__ == "__main__":
    main()
