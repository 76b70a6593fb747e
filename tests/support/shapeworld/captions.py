"""The sentences about scenes that the demo model was taught, and the words in them."""

from instdiff.instdiff_modules.shapeworld.vocabulary import COLORS, SHAPES, TEXTURES


def sentence(phrases: list[str], background: str | None) -> str:
    """The global caption: "a red star and a striped blue ring on a green background"."""
    things = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return things if background is None else f"{things} on a {background} background"


COLUMNS = ("far left", "left", "center", "right", "far right")
ROWS = ("top", "upper", "middle", "lower", "bottom")


def place(x: float, y: float) -> str:
    """Where a point (shares 0..1 of the canvas) lies, in words and to a fifth of a side: "in the upper far left"."""
    row, column = (names[min(max(int(v * len(names)), 0), len(names) - 1)] for names, v in ((ROWS, y), (COLUMNS, x)))
    return f"in the {row} {column}"


WORDS = (
    "a",
    "and",
    "on",
    "background",
    ",",
    *SHAPES,
    *COLORS,
    *TEXTURES[1:],
    "in",
    "the",
    "far",
    *ROWS,
    *COLUMNS[1:4],
)  # in the order of the demo model's embedding: new words go to the end
