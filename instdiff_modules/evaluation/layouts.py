"""The layouts of a run: written once from their source, and again where a file is missing or damaged."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..layout.instance import Layout
from .run_files import RunFolder
from .said import say
from .source import Source


@dataclass(frozen=True)
class Layouts:
    """size: pixels of a side, as the command line has it."""

    folder: RunFolder
    source: Source
    size: int

    def write(self, names: Iterable[str]) -> None:
        """Those that are not there yet; what annotations lose on the way is said, and kept in lost.txt."""
        lost: list[str] = []
        for name in names:
            if not self.folder.layout_path(name).is_file():
                layout, problems = self.source.layout(name, self.size)
                self.folder.write_layout(name, layout)
                lost += problems
        if lost:
            file = self.folder.path / "lost.txt"
            with file.open("a", encoding="utf-8") as opened:
                opened.writelines(line + "\n" for line in lost)
            say(f"{len(lost)} annotations lost their mask or themselves, the first: {lost[0]} All are in {file}.")

    def of(self, name: str) -> Layout:
        """The layout of a picture, with everything that the detector is measured with."""
        try:
            layout = self.folder.layout(name)
            classes = {instance.extra["category_name"] for instance in layout.instances}
            if (layout.width, layout.height) == (self.size, self.size) and classes <= self.classes:
                return layout
        except ValueError:
            pass
        layout, _ = self.source.layout(name, self.size)
        self.folder.write_layout(name, layout)
        say(f"{self.folder.layout_path(name)} was missing or damaged and has been written again.")
        return layout

    @cached_property
    def classes(self) -> set[str]:
        return set(self.source.categories.values())
