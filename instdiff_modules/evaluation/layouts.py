"""The layouts of a run: written once from the annotations, and again where a file is missing or damaged."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..layout.instance import Layout
from .annotations import Annotations, CocoPicture
from .coco import layout_of
from .run_files import RunFolder
from .said import say


@dataclass(frozen=True)
class Layouts:
    """format, size: as the command line has them."""

    folder: RunFolder
    annotations: Annotations
    format: str
    size: int

    def write(self, pictures: Iterable[CocoPicture]) -> None:
        """Those that are not there yet; what annotations lose on the way is said, and kept in lost.txt."""
        lost: list[str] = []
        for picture in pictures:
            if not self.folder.layout_path(picture.name).is_file():
                layout, problems = layout_of(picture, self.annotations.categories, self.format, self.size)
                self.folder.write_layout(picture.name, layout)
                lost += problems
        if lost:
            file = self.folder.path / "lost.txt"
            with file.open("a", encoding="utf-8") as opened:
                opened.writelines(line + "\n" for line in lost)
            say(f"{len(lost)} annotations lost their mask or themselves, the first: {lost[0]} All are in {file}.")

    def of(self, picture: CocoPicture) -> Layout:
        """The layout of a picture, with everything that the detector is measured with."""
        try:
            layout = self.folder.layout(picture.name)
            names = {instance.extra["category_name"] for instance in layout.instances}
            if (layout.width, layout.height) == (self.size, self.size) and names <= set(
                self.annotations.categories.values()
            ):
                return layout
        except ValueError:
            pass
        layout, _ = layout_of(picture, self.annotations.categories, self.format, self.size)
        self.folder.write_layout(picture.name, layout)
        say(f"{self.folder.layout_path(picture.name)} was missing or damaged and has been written again.")
        return layout
