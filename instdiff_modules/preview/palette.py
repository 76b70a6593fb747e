"""Colours of instances: the user's own, else one per position, the same at every run."""

import colorsys

from ..layout.instance import Instance

Color = tuple[int, int, int]

# Told apart from their neighbours in the list, and bright enough for a dark canvas.
PALETTE = (
    "#ff5964",
    "#35d07f",
    "#4d9dff",
    "#ffc93c",
    "#c77dff",
    "#2ed9d9",
    "#ff8f3f",
    "#ff7ac6",
    "#a6e22e",
    "#8c9bff",
    "#e0a96d",
    "#5fe3b5",
    "#f25c9a",
    "#d7d95b",
    "#6cc4ff",
    "#ff9e9e",
)
GOLDEN_ANGLE = 0.38196601125  # turns; keeps endless colours apart


def palette_color(index: int) -> str:
    """Colour of the instance at that position (from 0) as "#rrggbb"."""
    if index < len(PALETTE):
        return PALETTE[index]
    rgb = colorsys.hls_to_rgb(index * GOLDEN_ANGLE % 1, 0.66, 0.85)
    return "#" + "".join(f"{round(v * 255):02x}" for v in rgb)


def instance_color(instance: Instance, index: int) -> Color:
    """Red, green, blue, 0..255."""
    text = (instance.color or palette_color(index)).lstrip("#")
    if len(text) == 3:
        text = "".join(c * 2 for c in text)
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def ink_on(color: Color) -> Color:
    """Black or white, whichever is easier to read on that colour (relative luminance of WCAG 2)."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (16, 18, 22) if luminance > 0.18 else (255, 255, 255)
