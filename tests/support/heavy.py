"""The seconds that work takes of the processor, and layouts of many instances."""

import time

from instdiff.instdiff_modules.layout.instance import Instance, Layout

BOX = (0.1, 0.1, 0.5, 0.5)


def seconds(work) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def crowd(count: int, **location) -> Layout:
    return Layout(tuple(Instance(f"i{i}", f"thing {i}", **(location or {"box": BOX})) for i in range(count)))
