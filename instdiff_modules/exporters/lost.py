"""What a text format has no place for, so that whoever writes one is told. The editor says the same of its own exports."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..layout.document import visible_instances
from ..layout.instance import Instance, Layout


class Setting(NamedTuple):
    """What an instance may have beside its prompt and one location."""

    one: str
    many: str
    has: Callable[[Instance], bool]


SETTINGS = {
    "mask": Setting("mask (as its box)", "masks (as boxes)", lambda i: i.mask is not None),
    "point": Setting("point (as a box)", "points (as boxes)", lambda i: i.point is not None),
    "scribble": Setting("scribble (as its box)", "scribbles (as boxes)", lambda i: i.scribble is not None),
    "negative": Setting("negative prompt", "negative prompts", lambda i: bool(i.negative)),
    "strength": Setting("strength", "strengths", lambda i: i.strength != 1),
    "time": Setting("start and end", "starts and ends", lambda i: (i.start, i.end) != (0, 1)),
    "opacity": Setting("opacity", "opacities", lambda i: i.opacity != 1),
    "reference": Setting("reference picture", "reference pictures", lambda i: bool(i.reference)),
    "parent": Setting("parent", "parents", lambda i: bool(i.parent)),
}
HIDDEN = Setting("hidden instance", "hidden instances", lambda i: not i.visible)


def lost_in(layouts: Sequence[Layout], held: Sequence[str]) -> list[str]:
    """What a format drops that holds prompts, boxes and these SETTINGS alone: ["2 negative prompts", "1 hidden instance"].

    held: names of SETTINGS; "hidden" where nobody expects the hidden instances.
    """
    shown = [instance for layout in layouts for instance in visible_instances(layout)]
    counts = [(one, sum(map(one.has, shown))) for name, one in SETTINGS.items() if name not in held]
    if "hidden" not in held:
        counts.append((HIDDEN, sum(len(layout.instances) for layout in layouts) - len(shown)))
    return [f"{count} {one.one if count == 1 else one.many}" for one, count in counts if count]
