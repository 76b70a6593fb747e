"""Which pixels of a picture are one object: colours first, then connected parts. Knows the palette, not the scene."""

from typing import NamedTuple

import numpy as np

from . import vocabulary as words

FLAT = 56  # largest difference, 0..255, within 3x3 pixels that are surely inside one area
NEAR = 70  # largest distance to a colour, 0..255 RGB, of a pixel that surely has it
REACH, ROUNDS = 3, 3  # pixels per round
SPECK = 0.045  # parts whose area is below the square of this share of the shorter side are dirt, not objects
GAP = 0.03  # between objects that do not overlap, as a share of the shorter side
JOIN = 0.6 * GAP  # parts of one colour whose boxes are nearer than this belong to one object, cut by another in front


class Region(NamedTuple):
    """mask (H, W) bool of what is seen of one object, its colour, and the mask of all other objects (H, W)."""

    mask: np.ndarray
    color: str
    others: np.ndarray


def color_distances(picture: np.ndarray) -> np.ndarray:
    """picture (H, W, 3) uint8 -> squared distance of every pixel to every colour (H, W, 8), RGB 0..255.

    A colour is everything on the line between its two shades.
    """
    pixels = picture.reshape(-1, 3).astype(np.float32)
    first, second = (
        np.array([palette[name] for name in words.COLOR_NAMES], np.float32) for palette in (words.COLORS, words.SHADES)
    )
    line = second - first  # (8, 3)
    along = np.clip((pixels @ line.T - (first * line).sum(1)) / (line * line).sum(1), 0, 1)  # (n, 8)
    squares = np.empty_like(along)
    for i in range(len(first)):
        difference = pixels - first[i] - along[:, i : i + 1] * line[i]
        squares[:, i] = np.einsum("nc,nc->n", difference, difference)
    return squares.reshape(*picture.shape[:2], len(first))


def shade_map(picture: np.ndarray, color: str) -> np.ndarray:
    """How far every pixel lies on the way from a colour's first shade (0) to its second (1), (H, W) float32."""
    first, second = (np.array(palette[color], np.float32) for palette in (words.COLORS, words.SHADES))
    line = second - first
    return ((picture.astype(np.float32) - first) @ line) / (line @ line)


def clean_colors(picture: np.ndarray) -> tuple[np.ndarray, int]:
    """(H, W, 3) uint8 -> (H, W) index of COLOR_NAMES, and the background's index.

    Where colours mix, along edges, only those that lie surely within REACH count, or else the nearest sure pixel's:
    between red and white there is pink, but no pink object. What they give is sure for the next round, so that the
    thin tips of stars are reached.
    """
    from skimage.measure import label  # slow to import, and only this detector needs it
    from skimage.segmentation import expand_labels

    squares = color_distances(picture)
    nearest = squares.argmin(-1)
    rim = max(1, min(nearest.shape) // 64)
    border = np.concatenate(
        [part.ravel() for part in (nearest[:rim], nearest[-rim:], nearest[:, :rim], nearest[:, -rim:])]
    )
    background = int(np.bincount(border, minlength=squares.shape[-1]).argmax())
    plain = np.array(words.COLORS[words.COLOR_NAMES[background]], np.float32)
    squares[..., background] = ((picture - plain) ** 2).sum(-1)  # backgrounds have no second shade
    sure = (spread(picture) <= FLAT) & (squares.min(-1) <= NEAR**2)
    parts = np.asarray(label(np.where(sure, nearest + 1, 0), connectivity=1))
    small = np.bincount(parts.ravel()) < max(4, (0.25 * SPECK * min(picture.shape[:2])) ** 2)
    kept = np.where(small[parts] | ~sure, 0, nearest + 1)
    if not kept.any():
        return nearest, background
    colors = expand_labels(kept, distance=max(picture.shape)) - 1
    for _ in range(ROUNDS):
        around = np.stack([_near(kept == i + 1) for i in range(squares.shape[-1])], -1)
        mixed = (kept == 0) & around.any(-1)
        allowed = np.where(around[mixed], squares[mixed], np.inf)
        colors[mixed] = allowed.argmin(-1)
        kept[mixed] = np.where(allowed.min(-1) <= NEAR**2, colors[mixed] + 1, 0)
    return colors, background


def _near(mask: np.ndarray) -> np.ndarray:
    """Pixels within REACH of a mask (H, W), in both directions."""
    for axis in (0, 1):
        grown = mask.copy()
        for step in range(1, REACH + 1):
            ahead, behind = (
                (slice(step, None), slice(None, -step))
                if axis == 0
                else ((slice(None), slice(step, None)), (slice(None), slice(None, -step)))
            )
            grown[ahead] |= mask[behind]
            grown[behind] |= mask[ahead]
        mask = grown
    return mask


def spread(picture: np.ndarray) -> np.ndarray:
    """Largest minus smallest value within 3x3 pixels, the largest of the channels, (H, W)."""
    padded = np.pad(picture.astype(np.int16), ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return (np.maximum.reduce(around) - np.minimum.reduce(around)).max(-1)


def find_regions(picture: np.ndarray) -> tuple[str, list[Region]]:
    """Background colour, and the objects of a picture (H, W, 3) uint8."""
    from skimage.measure import label

    colors, background = clean_colors(picture)
    side = min(colors.shape)
    parts = np.asarray(label(np.where(colors == background, 0, colors + 1), connectivity=1))
    sizes = np.bincount(parts.ravel())
    found: list[tuple[int, np.ndarray, tuple[int, int, int, int]]] = []
    for part in range(1, len(sizes)):
        if sizes[part] >= (SPECK * side) ** 2:
            mask = parts == part
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            found.append(
                (int(colors[rows[0]][mask[rows[0]]][0]), mask, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
            )
    joined = _join(found, JOIN * side)
    everything = colors != background
    return words.COLOR_NAMES[background], [
        Region(mask, words.COLOR_NAMES[color], everything & ~mask) for color, mask, _ in joined
    ]


def _join(found: list, gap: float) -> list:
    """Parts (colour, mask, box) of one colour whose boxes are nearer than `gap`, together."""
    parts = list(found)
    i = 0
    while i < len(parts):
        for j in range(i + 1, len(parts)):
            (color, mask, a), (other, theirs, b) = parts[i], parts[j]
            apart = max(max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3]))
            if color == other and apart < gap:
                parts[i] = (color, mask | theirs, (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])))
                del parts[j]
                i = -1
                break
        i += 1
    return parts
