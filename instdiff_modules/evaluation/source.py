"""Where the layouts of an evaluation come from: COCO's annotations, or the file of another benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..layout.instance import Layout

ASKED_FOR = 30  # instances of a picture that the model is told of: its slots


class Source(Protocol):
    """What is drawn and measured; the run's folder keeps a copy of it, so that only `coco` and `benchmark` need the files."""

    @property
    def format(self) -> str:
        """What the layouts hold and which table they belong to, one of `published.TABLES`."""
        ...

    @property
    def ids(self) -> Mapping[str, int]:
        """The pictures' numbers by their names, in order; a picture's seed is made of its number."""
        ...

    @property
    def categories(self) -> Mapping[int, str]:
        """Names of the objects' classes by their numbers."""
        ...

    @property
    def location_formats(self) -> str:
        """The Apply node's choice of the locations that count."""
        ...

    @property
    def is_detected(self) -> bool:
        """Whether a detector measures it, and wants its files."""
        ...

    def layout(self, name: str, size: int) -> tuple[Layout, list[str]]:
        """A picture's layout on a square canvas of `size` pixels, hidden instances included, and what of it is lost."""
        ...

    def asked_for(self, layout: Layout) -> Layout:
        """What of a layout the model is given."""
        ...

    def about(self) -> dict[str, Any]:
        """What run.json says of it: locations, annotations, captions."""
        ...

    def next_steps(self, folder: Path) -> str:
        """How the pictures of a run in `folder` are measured, in lines."""
        ...
