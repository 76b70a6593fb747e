"""Instances in a part of the picture, on a wide canvas of 768 x 512."""

import random
from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.crop import crop_instance, crop_instances
from instdiff.instdiff_modules.geometry.masks import crop_mask, decode_mask, encode_mask
from instdiff.instdiff_modules.geometry.points import is_point_set, spread_points
from instdiff.instdiff_modules.geometry.transform import whole_extent
from instdiff.instdiff_modules.layout.instance import Box, Instance, Mask

WIDTH, HEIGHT = 768, 512
WHOLE, LEFT, RIGHT = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
MIDDLE = (0.25, 0.25, 0.75, 0.75)


def fox(**given: object) -> Instance:
    return Instance("f1", "a red fox", **given)


def mask_of(x0: int, y0: int, x1: int, y1: int) -> Mask:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[y0:y1, x0:x1] = True
    return encode_mask(pixels)


def test_the_whole_picture_gives_the_very_same_object():
    instance = fox(box=(0.1, 0.2, 0.3, 0.4))
    assert crop_instance(instance, WHOLE) is instance
    assert crop_instances([instance, instance], WHOLE) == ((0, instance), (1, instance))


def test_what_is_not_a_location_stays():
    instance = fox(
        box=(0.4, 0.4, 0.6, 0.6),
        strength=0.7,
        start=0.1,
        end=0.6,
        color="#ff0000",
        locked=True,
        parent="g",
        extra={"a": 1},
    )
    cropped = crop_instance(instance, LEFT)
    assert cropped == replace(instance, box=cropped.box) != instance


@pytest.mark.parametrize(
    "box, part, expected",
    [
        ((0.25, 0.0, 0.5, 1.0), LEFT, (0.5, 0.0, 1.0, 1.0)),
        ((0.25, 0.25, 0.75, 0.5), RIGHT, (0.0, 0.25, 0.5, 0.5)),
        ((0.375, 0.5, 0.5, 0.625), MIDDLE, (0.25, 0.5, 0.5, 0.75)),
        ((0.0, 0.0, 1.0, 1.0), MIDDLE, WHOLE),
        ((0.5, 0.0, 1.0, 1.0), LEFT, None),  # touches it
        ((0.0, 0.8, 0.2, 1.0), MIDDLE, None),
    ],
)
def test_boxes_are_cut_to_the_part_and_measured_in_it(box: Box, part: Box, expected: Box | None):
    cropped = crop_instance(fox(box=box), part)
    assert cropped == (None if expected is None else fox(box=expected))


@pytest.mark.parametrize(
    "point, expected",
    [((0.5, 0.375), (0.5, 0.25)), ((0.25, 0.75), (0.0, 1.0)), ((0.2, 0.5), None), ((0.5, 0.8), None)],
)
def test_points_are_in_the_part_or_not(point: tuple[float, float], expected: tuple[float, float] | None):
    for name, given, wanted in (("point", point, expected), ("scribble", (point,), expected and (expected,))):
        cropped = crop_instance(fox(**{name: given}), MIDDLE)
        assert (cropped and getattr(cropped, name)) == wanted


def test_a_point_on_an_edge_is_there_in_spite_of_rounding():
    for third in (1 / 3, 0.1 + 0.2, 0.7, 0.1 * 3 * 1 / 3):
        assert crop_instance(fox(point=(third, third)), (third, 0.0, 1.0, third)).point == (0.0, 1.0)


def test_a_stroke_is_cut_where_it_crosses_the_edges():
    across = crop_instance(fox(scribble=((0.0, 0.5), (0.5, 0.5), (1.0, 0.5))), MIDDLE)
    assert across.scribble == ((0.0, 0.5), (0.5, 0.5), (1.0, 0.5))
    assert crop_instance(fox(scribble=((0.0, 0.0), (1.0, 1.0))), MIDDLE).scribble == ((0.0, 0.0), (1.0, 1.0))
    assert crop_instance(fox(scribble=((0.0, 0.1), (0.4, 0.0), (1.0, 0.2))), MIDDLE) is None
    inside = ((0.3, 0.3), (0.5, 0.6), (0.7, 0.3))
    assert crop_instance(fox(scribble=inside), MIDDLE).scribble == pytest.approx(
        np.array([(0.1, 0.1), (0.5, 0.7), (0.9, 0.1)])
    )


def test_of_a_stroke_that_comes_back_the_longest_piece_is_kept():
    there_and_back = ((0.4, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.8))  # 0.2 of the left half, then 0.6
    cropped = crop_instance(fox(scribble=there_and_back), LEFT)
    assert cropped.scribble == pytest.approx(np.array([(1.0, 0.8), (0.4, 0.8)]))
    cropped = crop_instance(fox(scribble=there_and_back[::-1]), LEFT)
    assert cropped.scribble == pytest.approx(np.array([(0.4, 0.8), (1.0, 0.8)]))


def test_a_stroke_that_touches_an_edge_inside_stays_in_one_piece():
    for edge in (1 / 3, 0.7, 0.1 + 0.2):
        stroke = ((0.1 * edge, 0.2), (edge, 0.5), (0.1 * edge, 0.8))
        assert len(crop_instance(fox(scribble=stroke), (0.0, 0.0, edge, 1.0)).scribble) == 3


def test_a_stroke_stays_a_stroke_and_a_set_of_points_a_set():
    doubled = tuple((x / 40, 0.5) for x in range(19) for _ in (0, 1))[:-1]
    stroke = (doubled[:10] + ((0.9, 0.5),) * 3 + doubled[10:])[:21]
    assert not is_point_set(crop_instance(fox(scribble=stroke), LEFT).scribble)
    assert crop_instance(fox(scribble=((0.2, 0.4),) * 5), LEFT).scribble == ((0.4, 0.4),)
    points = spread_points([(0.1, 0.1), (0.2, 0.9), (0.3, 0.5), (0.8, 0.8)])
    cropped = crop_instance(fox(scribble=points), LEFT).scribble
    assert is_point_set(cropped) and dict.fromkeys(cropped) == dict.fromkeys([(0.2, 0.1), (0.4, 0.9), (0.6, 0.5)])
    assert crop_instance(fox(scribble=points), (0.4, 0.0, 0.6, 1.0)) is None


def test_masks_are_cut_at_their_own_resolution():
    cropped = crop_instance(fox(mask=mask_of(300, 100, 500, 200)), (0.5, 0.25, 1.0, 0.75))
    pixels = decode_mask(cropped.mask)
    assert pixels.shape == (256, 384) and pixels.sum() == 116 * 72 and pixels[:72, :116].all()
    assert crop_instance(fox(mask=mask_of(300, 100, 384, 200)), RIGHT) is None
    small = crop_instance(fox(mask=encode_mask(np.eye(4, 6, dtype=bool))), (0.35, 0.55, 0.4, 0.6))  # within a pixel
    assert (small.mask.height, small.mask.width) == (1, 1) and decode_mask(small.mask).all()


def test_rows_and_columns_of_a_mask_with_holes():
    pixels = np.random.RandomState(1).rand(40, 60) < 0.5
    cropped = crop_mask(encode_mask(pixels), (7, 31), (11, 12))
    assert (decode_mask(cropped) == pixels[7:31, 11:12]).all()
    assert crop_mask(encode_mask(np.eye(40, 60, dtype=bool)), (0, 4), (5, 60)) is None


@pytest.mark.parametrize("location", ["box", "mask"])
def test_a_sliver_that_an_edge_leaves_is_not_there(location: str):
    def there(x0: int, x1: int) -> bool:
        given = mask_of(x0, 100, x1, 300) if location == "mask" else (x0 / WIDTH, 0.2, x1 / WIDTH, 0.6)
        return crop_instance(fox(**{location: given}), LEFT) is not None

    assert there(378, 500) and there(384 - 6, 384)  # a 64th of the part
    assert not there(379, 500) and not there(383, 700)
    assert there(300, 304) and there(382, 384) and there(382, 386)  # so narrow it was before
    assert crop_instance(fox(box=(0.1, 0.49, 0.9, 0.9)), (0.0, 0.0, 1.0, 0.5)) is not None
    assert crop_instance(fox(box=(0.1, 0.495, 0.9, 0.9)), (0.0, 0.0, 1.0, 0.5)) is None


def test_a_stroke_is_a_sliver_if_it_is_short_both_ways():
    corner = ((0.9, 0.9), (0.495, 0.9), (0.495, 0.1))  # of the left half, a line down its edge
    assert crop_instance(fox(scribble=corner), LEFT).scribble == pytest.approx(
        np.array([(1.0, 0.9), (0.99, 0.9), (0.99, 0.1)])
    )
    assert crop_instance(fox(scribble=((0.9, 0.9), (0.495, 0.9))), LEFT) is None


def test_locations_that_are_not_in_the_part_are_left_out():
    both = fox(box=(0.25, 0.25, 0.75, 0.75), point=(0.375, 0.5), scribble=((0.3, 0.3), (0.4, 0.6)))
    left, right = crop_instance(both, LEFT), crop_instance(both, RIGHT)
    assert left.box == (0.5, 0.25, 1.0, 0.75) and left.point == (0.75, 0.5) and len(left.scribble) == 2
    assert right.box == (0.0, 0.25, 0.5, 0.75) and right.point is None and right.scribble is None
    pair = fox(point=(0.9, 0.9), scribble=((0.1, 0.1), (0.2, 0.2)))
    assert crop_instance(pair, LEFT).point is None and crop_instance(pair, RIGHT).scribble is None
    assert crop_instance(pair, (0.3, 0.3, 0.6, 0.6)) is None


def test_a_mask_says_where_an_instance_is_and_then_its_box():
    masked = fox(mask=mask_of(100, 100, 200, 200), box=(0.1, 0.1, 0.9, 0.9), point=(0.8, 0.5))
    assert crop_instance(masked, RIGHT) is None and crop_instance(masked, LEFT).box == (0.2, 0.1, 1.0, 0.9)
    boxed = fox(box=(0.1, 0.1, 0.4, 0.4), point=(0.8, 0.5))
    assert crop_instance(boxed, RIGHT) is None and crop_instance(boxed, LEFT).point is None
    assert crop_instance(replace(boxed, point=(0.505, 0.2), box=(0.1, 0.1, 0.505, 0.4)), RIGHT) is None, "a sliver"


def test_indices_are_those_of_the_given_instances():
    given = [fox(point=(x, 0.5)) for x in (0.1, 0.6, 0.2, 0.9)]
    assert crop_instances(given, RIGHT) == ((1, fox(point=pytest.approx((0.2, 0.5)))), (3, fox(point=(0.8, 0.5))))
    assert crop_instances([], RIGHT) == ()


@pytest.mark.parametrize(
    "part", [(0.5, 0.0, 0.5, 1.0), (-0.1, 0.0, 0.5, 1.0), (0.0, 0.6, 1.0, 0.5), (0.0, 0.0, 1.0, 2.0)]
)
def test_a_part_has_an_area_within_the_picture(part: Box):
    with pytest.raises(ValueError, match="must have an area"):
        crop_instance(fox(point=(0.5, 0.5)), part)


def thing(rng: random.Random, name: str) -> Instance:
    """Somewhere in the middle, large enough to be cut twice."""
    x, y = rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4)
    box = (x, y, x + rng.uniform(0.3, 0.5), y + rng.uniform(0.3, 0.5))
    if name == "mask":
        return fox(mask=mask_of(*(round(v * side) for v, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True))))
    return fox(**{name: {"box": box, "point": (x, y), "scribble": (box[:2], box[2:])}[name]})


@pytest.mark.parametrize("name", ["box", "point", "scribble", "mask"])
@pytest.mark.parametrize("seed", range(20))
def test_a_part_of_a_part_is_a_part(name: str, seed: int):
    rng = random.Random(seed)
    instance = thing(rng, name)
    outer = tuple(rng.randint(*at) / 64 for at in ((0, 16), (0, 16), (48, 64), (48, 64)))
    inner = tuple(rng.randint(*at) / 64 for at in ((16, 24), (16, 24), (40, 48), (40, 48)))
    wide, tall = outer[2] - outer[0], outer[3] - outer[1]
    within = tuple((v - outer[i % 2]) / (wide, tall)[i % 2] for i, v in enumerate(inner))
    once, first = crop_instance(instance, inner), crop_instance(instance, outer)
    twice = first and crop_instance(first, within)
    assert (once is None) == (twice is None) and (once is not None or name in ("point", "scribble"))
    if once is not None:
        assert whole_extent(twice) == pytest.approx(whole_extent(once), abs=1e-9)
        assert name != "mask" or twice.mask == once.mask


@pytest.mark.parametrize("name", ["box", "scribble", "mask"])
@pytest.mark.parametrize("seed", range(5))
def test_parts_side_by_side_hold_all_of_an_instance(name: str, seed: int):
    instance = thing(random.Random(seed), name)
    left, right = (whole_extent(crop_instance(instance, part)) for part in (LEFT, RIGHT))
    x0, y0, x1, y1 = whole_extent(instance)
    assert (
        left[0] / 2 == pytest.approx(x0) and 0.5 + right[2] / 2 == pytest.approx(x1) and left[2] == 1 and right[0] == 0
    )
    assert min(left[1], right[1]) == pytest.approx(y0) and max(left[3], right[3]) == pytest.approx(y1)
