"""The canvases that the demo model was trained on, and at what size it draws others. Standard library only."""

SHORTER, LONGEST = SIDES = 256, 512  # pixels: all have this shorter side, and a longer one up to that
CANVASES = f"a shorter side of {SHORTER} pixels and a longer one of up to {LONGEST}"
FORMS = f"1:{LONGEST // SHORTER} to {LONGEST // SHORTER}:1"
CELL = 8  # pixels of a latent's cell
SMALLEST, LARGEST = 64, 16384  # pixels of a picture's side
FORM_KEPT = 1 / 64  # most relative error of a picture's form: that of half a cell beside the shorter side


def drawn_at(width: float, height: float, sides: tuple[int, int] | None = SIDES) -> tuple[int, int]:
    """The picture of a canvas, in multiples of 8 pixels. sides: the shorter one that a model was made for, and the longest (None: any
    will do): the canvas is scaled to the first, or to the second if it would be longer; and of narrow ones a little further, where
    their form would else be lost."""
    if sides is None:
        return _cells(width), _cells(height)
    scale = min(sides[0] / min(width, height), sides[1] / max(width, height))
    sizes = [(_cells(width * scale * n / 64), _cells(height * scale * n / 64)) for n in range(64, 48, -1)]
    return next((size for size in sizes if _error(size, width, height) <= FORM_KEPT), sizes[0])


def _cells(given: float) -> int:
    return min(max(round(given / CELL) * CELL, SMALLEST), LARGEST)


def _error(size: tuple[int, int], width: float, height: float) -> float:
    return abs(size[0] * height / (size[1] * width) - 1)


def in_form(width: float, height: float) -> bool:
    """Whether the demo model was trained on canvases of this form."""
    return min(drawn_at(width, height)) == SHORTER
