"""Points inside a mask, spread by their distance from its centre: the exact ones of the reference, without sorting all pixels."""

import random

import numpy as np

RINGS = (
    2**14
)  # of equal area around a mask's centre; sorted are only the pixels of those that hold a point and of their neighbours


def interior_points(mask: np.ndarray, count: int, rng: random.Random) -> np.ndarray:
    """`count` points (x, y) inside a mask (H, W), spread by distance from its centre; (0, 2) if it is empty.

    A mask with fewer pixels than points gives random ones, drawn from `rng` (sample_uniform_sparse_points).
    """
    total = int(np.count_nonzero(mask))
    if total == 0:
        return np.zeros((0, 2))
    if total < count:
        pixels = np.argwhere(mask)
        return np.array([pixels[rng.choice(range(total))][::-1] for _ in range(count)], dtype=np.float64)
    center = np.array([_mean(np.count_nonzero(mask, axis=axis)) for axis in (1, 0)])
    segment = total // count
    return _by_rank(mask, center, np.arange(count) * segment + segment // 2)[:, ::-1].astype(np.float64)


def _mean(counts: np.ndarray) -> float:
    """The mean row (or column) of a mask, from the number of pixels in each."""
    return float((counts * np.arange(len(counts))).sum() / counts.sum())


def _by_rank(mask: np.ndarray, center: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) as y, x at these rising ranks of all set ones, nearest to (y, x) first; equally far ones in reading order.

    A ring is known from a rounded distance, so a pixel at its rim may count to the next one: hence the neighbours.
    """
    dy, dx = (((np.arange(n) - c) ** 2).astype(np.float32) for n, c in zip(mask.shape, center, strict=True))
    rings = ((dy[:, None] + dx) * np.float32((RINGS - 1) / max(dy.max() + dx.max(), 1e-9))).astype(np.uint16)
    counts = np.bincount(rings[mask], minlength=RINGS)
    own = np.searchsorted(np.cumsum(counts), ranks, side="right")
    sorted_ones = np.zeros(RINGS, bool)
    for ring in (own - 1, own, own + 1):
        sorted_ones[ring.clip(0, RINGS - 1)] = True
    pixels = np.argwhere(sorted_ones[rings] & mask)
    order = np.argsort(lengths(pixels - center), kind="stable")
    nearer = np.cumsum(np.where(sorted_ones, 0, counts))  # pixels that are nearer for certain and not among the sorted
    return pixels[order[ranks - nearer[own]]]


def lengths(vectors: np.ndarray) -> np.ndarray:
    """(n, 2) -> (n,). A matmul per vector, since it rounds as the reference's np.linalg.norm of each vector does;
    sums over the axis differ in the last bit, which changes the order of pixels that are equally far away."""
    return np.sqrt((vectors[:, None, :] @ vectors[:, :, None])[:, 0, 0])
