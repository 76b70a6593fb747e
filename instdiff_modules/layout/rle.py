"""COCO's run-length encoding of masks as text: lengths of alternating runs of 0 and 1, column by column.

Text from outside is checked here, run by run, before pycocotools (C code) may touch it.
"""

from collections.abc import Iterable, Sequence

_FIRST_CHARACTER = 48  # each character holds 6 bits: 5 of the number, 1 that says whether more follow


def decode_runs(counts: str) -> list[int]:
    """Compressed counts -> run lengths, first run of zeros. Raises ValueError if the text is no such encoding."""
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - _FIRST_CHARACTER
        if not 0 <= bits < 64:
            raise ValueError(f"character {character!r} is not part of COCO's run-length encoding")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            if shift > 60:
                raise ValueError("a run is longer than any picture")
            continue
        if bits & 16:
            value -= 1 << shift
        if len(runs) > 2:  # from the fourth run on, the difference to the run before last is stored
            value += runs[-2]
        if value < 0:
            raise ValueError("a run has a negative length")
        runs.append(value)
        value = shift = 0
    if shift:
        raise ValueError("the text ends in the middle of a run")
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


def check_runs(runs: Iterable[int], height: int, width: int) -> int:
    """Number of set pixels. Raises ValueError unless the runs fill height x width exactly."""
    runs = list(runs)
    total = sum(runs)
    if total != height * width:
        raise ValueError(f"its runs cover {total} pixels, its size [{height}, {width}] has {height * width}")
    return sum(runs[1::2])
