"""COCO's run-length encoding of masks as text: lengths of alternating runs of 0 and 1, column by column.

Text from outside is checked here, run by run, before pycocotools (C code) may touch it.
"""

from collections.abc import Sequence

import numpy as np

_FIRST_CHARACTER = 48  # each character holds 6 bits: 5 of the number, 1 that says whether more follow
_MOST_CHARACTERS = 6  # of one run: 29 bits and a sign


def decode_runs(counts: str) -> np.ndarray:
    """Compressed counts -> run lengths (n,) int64, zeros first. ValueError if the text is not such an encoding."""
    bits = np.frombuffer(counts.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64) - _FIRST_CHARACTER
    if not bits.size:
        return bits
    strange = (bits < 0) | (bits >= 64)
    if strange.any():
        raise ValueError(f"character {counts[strange.argmax()]!r} is not part of COCO's run-length encoding")
    if bits[-1] & 32:
        raise ValueError("the text ends in the middle of a run")
    last = np.flatnonzero(bits & 32 == 0)  # characters of their runs
    first = np.concatenate(([0], last[:-1] + 1))
    length = last - first + 1
    if length.max() > _MOST_CHARACTERS:
        raise ValueError("a run is longer than any picture")
    shift = 5 * (np.arange(bits.size) - np.repeat(first, length))
    runs = np.add.reduceat((bits & 31) << shift, first)
    runs -= (bits[last] >> 4 & 1) << 5 * length  # the highest bit is the sign
    for start in (1, 2):  # from the fourth run on, the difference to the run before last is stored
        runs[start::2] = np.cumsum(runs[start::2])
    if (runs < 0).any():
        raise ValueError("a run has a negative length")
    return runs


def encode_runs(runs: Sequence[int]) -> str:
    """Run lengths -> compressed counts, the inverse of decode_runs."""
    characters: list[str] = []
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            characters.append(chr((bits | 32 if more else bits) + _FIRST_CHARACTER))
    return "".join(characters)


def check_runs(runs: Sequence[int] | np.ndarray, height: int, width: int) -> int:
    """Number of set pixels. Raises ValueError unless the runs fill height x width exactly."""
    runs = np.asarray(runs, dtype=np.int64)
    if runs.sum() != height * width:
        raise ValueError(f"its runs cover {runs.sum()} pixels, its size [{height}, {width}] has {height * width}")
    return int(runs[1::2].sum())
