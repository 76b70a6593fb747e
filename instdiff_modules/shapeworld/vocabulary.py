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


def phrase(shape: str, color: str, texture: str) -> str:
    """The instance caption: "a red star", "a striped blue ring"."""
    return f"a {color} {shape}" if texture == "plain" else f"a {texture} {color} {shape}"
