"""COCO's run-length encoding of masks as text: lengths of alternating runs of 0 and 1, column by column.

Text from outside is checked here, run by run, before pycocotools (C code) may touch it.
"""

import re
from collections.abc import Sequence

import numpy as np

_FIRST_CHARACTER = 48  # each character holds 6 bits: 5 of the number, 1 that says whether more follow
_LAST_BITS = 63
_STRANGE = re.compile("[^0-o]")
_MOST_CHARACTERS = 6  # of one run: 29 bits and a sign
_LONGEST_RUN = 2**31 - 1
_CHUNK = 2**17  # characters that are decoded at once: what lies between text and runs takes ten times their memory


def decode_runs(counts: str) -> np.ndarray:
    """Compressed counts -> run lengths (n,) int32, zeros first. ValueError if the text is not such an encoding."""
    if not counts:
        return np.zeros(0, np.int32)
    bits = np.frombuffer(counts.encode("ascii", "replace"), np.uint8) - np.uint8(_FIRST_CHARACTER)
    if (
        bits.max() > _LAST_BITS or not counts.isascii()
    ):  # a search through the whole text takes longer than all the rest
        strange = _STRANGE.search(counts)
        assert strange is not None
        raise ValueError(f"character {strange[0]!r} is not part of COCO's run-length encoding")
    if bits[-1] & 32:
        raise ValueError("the text ends in the middle of a run")
    runs = np.empty(np.count_nonzero(bits & 32 == 0), np.int32)
    before = [0, 0]  # the last run of each colour
    start = done = 0
    while start < bits.size:
        end = min(start + _CHUNK, bits.size)
        while bits[end - 1] & 32:
            end += 1
        chunk = _numbers(bits[start:end])
        first = int(chunk[0])
        chunk[0] = first if start else 0  # from the fourth run on, the difference to the run before last is stored
        for color in (0, 1):
            row = chunk[(done + color) % 2 :: 2]
            if row.size:
                row[0] += before[color]
                np.cumsum(row, out=row)
                before[color] = int(row[-1])
        chunk[0] = chunk[0] if start else first
        if chunk.min() < 0:
            raise ValueError("a run has a negative length")
        if chunk.max() > _LONGEST_RUN:
            raise ValueError("a run is longer than any picture")
        runs[done : done + chunk.size] = chunk
        start, done = end, done + chunk.size
    return runs


def _numbers(bits: np.ndarray) -> np.ndarray:
    """The characters of whole numbers, 6 bits each -> the numbers (n,) int64, with their signs."""
    last = np.flatnonzero(bits & 32 == 0)  # characters of their numbers
    length = np.diff(last, prepend=-1)
    if length.max() > _MOST_CHARACTERS:
        raise ValueError("a run is longer than any picture")
    numbers = ((bits[last] & 31).astype(np.int64) ^ 16) - 16  # the last character holds the highest bits and the sign
    longer, back = np.flatnonzero(length > 1), 1
    while longer.size:
        numbers[longer] = numbers[longer] << 5 | bits[last[longer] - back] & 31
        back += 1
        longer = longer[length[longer] > back]
    return numbers


def encode_runs(runs: Sequence[int] | np.ndarray) -> str:
    """Run lengths, each below 2**29 -> compressed counts, the inverse of decode_runs."""
    given = np.asarray(runs, dtype=np.int64)
    values = given.copy()
    values[3:] -= given[1:-2]
    return "".join(_characters(values[i : i + _CHUNK]) for i in range(0, values.size, _CHUNK))


def _characters(numbers: np.ndarray) -> str:
    """The inverse of _numbers, as text."""
    place = 5 * np.arange(_MOST_CHARACTERS)
    # a number needs one more character for as long as the ones so far cannot hold it with its sign
    short = (numbers[:, None] >= 16 << place) | (numbers[:, None] < -16 << place)
    bits = (numbers[:, None] >> place & 31 | short << 5) + _FIRST_CHARACTER
    used = np.pad(short[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    return bits[used].astype(np.uint8).tobytes().decode("ascii")


def check_runs(runs: Sequence[int] | np.ndarray, height: int, width: int) -> int:
    """Number of set pixels. Raises ValueError unless the runs fill height x width exactly."""
    runs = np.asarray(runs)
    covered = int(runs.sum(dtype=np.int64))
    if covered != height * width:
        raise ValueError(f"its runs cover {covered} pixels, its size [{height}, {width}] has {height * width}")
    return int(runs[1::2].sum(dtype=np.int64))
