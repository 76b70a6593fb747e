"""What Apply Layout keeps of one sampling run, and where it finds the regions of a conditioning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..instdiff_modules.regions.plan import Regions, Row

KEY = (
    "instdiff_regions"  # of our wrappers, of our transformer option, and of the regions in a conditioning's model_conds
)


@dataclass
class RegionRun:
    """Of one run. rows: what steers each image now, by the uuid that a conditioning with regions has in the run.

    kept: masks; known: rows, their uuids and Anima's texts. steps: noise levels so far; calls: of the model under regions;
    masked: attention calls in them.
    """

    rows: dict[Any, Sequence[Row | None]] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)
    to_sigma: Callable[[float], float] | None = None
    steps: int = 0
    calls: int = 0
    masked: int = 0

    def check_reached(self) -> None:
        """ValueError if the model's attention never asked for a mask."""
        if self.calls and not self.masked:
            raise ValueError(
                "The regions did not reach the model: another node on the MODEL replaces its attention, so the picture would "
                "ignore the layout. Remove that node or Apply Layout."
            )


def regions_in(cond: Mapping[str, Any]) -> Regions | None:
    """Those that Apply Layout put into a conditioning."""
    found = cond.get("model_conds", {}).get(KEY)
    return None if found is None else found.cond
