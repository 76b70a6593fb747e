"""Which instances go into which of the two groups."""

import random
from itertools import product

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry import grouping, masks
from instdiff.instdiff_modules.geometry.grouping import two_groups
from instdiff.instdiff_modules.layout.instance import Instance


def at(x: float, y: float, size: float = 0.1, **more: object) -> Instance:
    return Instance(f"{x},{y}", "an owl", box=(x, y, x + size, y + size), **more)


def closeness(one: Instance, other: Instance) -> float:
    near = grouping.closeness([one, other])
    assert near.shape == (2, 2) and near[0, 1] == near[1, 0]
    return near[0, 1]


def test_closeness_is_1_for_what_touches_and_falls_with_the_gap():
    assert closeness(at(0, 0), at(0.05, 0.05)) == closeness(at(0, 0), at(0.1, 0)) == 1
    near, far = closeness(at(0, 0), at(0.2, 0)), closeness(at(0, 0), at(0.5, 0.5))
    assert 1 > near > far > 0
    assert closeness(Instance("p", "an owl", point=(0.15, 0.05)), at(0, 0)) == pytest.approx(
        closeness(at(0, 0), at(0.15, 0))
    )


def test_neighbours_are_kept_apart():
    pairs = [at(0, 0), at(0.1, 0), at(0.8, 0.8), at(0.8, 0.7)]
    first, second = two_groups(pairs)
    assert first[0] == 0 and 1 in second and len({2, 3} & set(first)) == 1
    row = [at(0.1 * i, 0) for i in range(6)]
    assert two_groups(row) == ((0, 2, 4), (1, 3, 5))


def test_few_instances_and_hidden_ones():
    assert two_groups([]) == ()
    assert two_groups([at(0, 0)]) == ((0,),)
    assert two_groups([at(0, 0), at(0.9, 0.9)]) == ((0,), (1,))
    assert two_groups([at(0, 0), at(0.1, 0, strength=0.0), at(0.2, 0)]) == ((0,), (2,))
    assert two_groups([at(0, 0, strength=0.0)]) == ()


def test_what_all_share_is_dealt_evenly():
    assert sorted(map(len, two_groups([at(0, 0)] * 6))) == [3, 3]


@pytest.mark.parametrize("seed", range(5))
def test_as_good_as_the_best_of_all_deals(seed: int):
    rng = random.Random(seed)
    layout = [at(rng.random(), rng.random(), 0.2) for _ in range(7)]

    def left(side: tuple[int, ...]) -> float:
        return sum(closeness(layout[i], layout[j]) for i in range(7) for j in range(i) if side[i] == side[j])

    groups = two_groups(layout)
    assert sorted(i for group in groups for i in group) == list(range(7))
    ours = left(tuple(int(i in groups[0]) for i in range(7)))
    assert ours <= 1.1 * min(left(side) for side in product((0, 1), repeat=7)) + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_no_other_place_for_one_or_two_is_better(seed: int):
    rng = random.Random(seed)
    layout = [at(rng.random(), rng.random(), 0.1 + 0.1 * rng.random()) for _ in range(40)]
    near = grouping.closeness(layout)
    np.fill_diagonal(near, 0)
    side = np.where(np.isin(np.arange(40), two_groups(layout)[0]), 1, -1)

    def left(side: np.ndarray) -> float:
        return (side @ near @ side) / 4

    for i, j in product(range(40), repeat=2):
        other = side.copy()
        other[[i, j]] *= -1  # i == j moves one alone
        assert left(other) >= left(side) - 1e-6


@pytest.mark.parametrize("count", [30, 100, 200])
def test_the_work_grows_no_faster_than_the_matrix_of_closeness(count: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(count)
    layout = [at(rng.random(), rng.random(), 0.2 * rng.random()) for _ in range(count)]
    rows = []
    first = grouping.Deal._first
    monkeypatch.setattr(grouping.Deal, "_first", lambda *given: rows.append(1) or first(*given))
    assert sorted(map(len, two_groups(layout)))[1] < 0.6 * count
    assert len(rows) <= 20 * count, "each looks at `count` changes at once"


def test_large_masks_are_never_decoded(monkeypatch: pytest.MonkeyPatch):
    layout = []
    for i in range(8):
        pixels = np.zeros((2048, 2048), dtype=bool)
        pixels[:, 256 * i + 8 : 256 * i + 200] = True
        layout.append(Instance(str(i), "an owl", mask=masks.encode_mask(pixels)))
    read = []
    runs = masks.decode_runs
    monkeypatch.setattr(masks, "decode_runs", lambda counts: read.append(counts) or runs(counts))
    monkeypatch.setattr(masks, "decode_mask", None)
    assert two_groups(layout) == ((0, 2, 4, 6), (1, 3, 5, 7))
    assert len(read) == 8
