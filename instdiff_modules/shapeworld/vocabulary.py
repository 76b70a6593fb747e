"""What exists in the shape world: shapes, colours in two shades, textures, and the words for them. No torch."""

from collections.abc import Mapping

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "moon")
TEXTURES = ("plain", "striped", "dotted", "checkered")
Rgb = tuple[int, int, int]

# The paper's eight colours. A textured object alternates between its colour and a second shade of the same colour, so
# that every pixel of it belongs to one colour; backgrounds and plain objects have the first shade alone.
COLORS: Mapping[str, Rgb] = {
    "black": (12, 12, 12),
    "white": (250, 250, 250),
    "red": (225, 30, 30),
    "green": (30, 165, 50),
    "yellow": (250, 220, 30),
    "blue": (35, 80, 230),
    "pink": (255, 150, 195),
    "purple": (135, 45, 175),
}
SHADES: Mapping[str, Rgb] = {
    "black": (92, 92, 92),
    "white": (168, 168, 168),
    "red": (115, 10, 10),
    "green": (12, 80, 22),
    "yellow": (150, 125, 10),
    "blue": (12, 32, 115),
    "pink": (185, 85, 125),
    "purple": (65, 15, 90),
}
COLOR_NAMES = tuple(COLORS)

# Side of the smallest object that gets a texture, as a share of the canvas' shorter side: smaller ones, or thinner
# parts, have no room for two periods of the pattern and would only look mottled.
MIN_TEXTURED: Mapping[str, float] = {
    "circle": 0.22,
    "square": 0.22,
    "triangle": 0.28,
    "star": 0.32,
    "ring": 0.36,
    "cross": 0.30,
    "heart": 0.25,
    "moon": 0.32,
}


def phrase(shape: str, color: str, texture: str) -> str:
    """The instance caption: "a red star", "a striped blue ring"."""
    return f"a {color} {shape}" if texture == "plain" else f"a {texture} {color} {shape}"


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
