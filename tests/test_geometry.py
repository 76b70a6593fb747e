"""Sampling and rasterising, against slow and plain versions of the same rules, on canvases that are not square."""

import random

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry import points as geometry
from instdiff.instdiff_modules.geometry.masks import (
    decode_mask,
    draw_box,
    encode_mask,
    mask_box,
    mask_extent,
    resize_nearest,
    resize_seg,
)
from instdiff.instdiff_modules.geometry.polygons import mask_of_polygons
from instdiff.instdiff_modules.layout.instance import Mask
from instdiff.instdiff_modules.layout.rle import encode_runs


def blobs(seed, height=96, width=144):
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(3):
        cx, cy, r = rng.randint(0, width), rng.randint(0, height), rng.randint(3, 30)
        mask |= (x - cx) ** 2 + (y - cy) ** 2 < r * r
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_interior_points_follow_the_reference_rule(seed):
    mask = blobs(seed)
    pixels = np.argwhere(mask)
    center = pixels.mean(0)
    ordered = sorted(pixels, key=lambda p: np.linalg.norm(p - center))
    segment = len(ordered) // 128
    if segment == 0:
        rng = random.Random(5)
        expected = [rng.choice(pixels)[::-1] for _ in range(128)]
    else:
        expected = [ordered[i * segment + segment // 2][::-1] for i in range(128)]
    assert (geometry.interior_points(mask, 128, random.Random(5)) == np.array(expected)).all()


def test_polygon_points_are_half_outline_half_inside_and_sorted():
    mask = blobs(3)
    points = geometry.mask_polygon_points(mask)
    assert points.shape == (256, 2)
    distances = np.hypot(*points.T)
    assert (np.diff(distances) >= -1e-9).all()
    inside = sum(mask[int(y), int(x)] for x, y in points if x < mask.shape[1] and y < mask.shape[0])
    assert 128 <= inside < 256
    assert points[:, 0].max() > mask.shape[0], "x reaches beyond the height: the axes are not swapped"


def test_outlines_lie_around_the_mask():
    mask = np.zeros((20, 40), dtype=bool)
    mask[5:8, 30:36] = True
    (outline,) = geometry.mask_contours(mask)
    assert (outline.min(0) == (30, 5)).all() and (outline.max(0) == (37, 9)).all()
    assert (outline[0] == outline[-1]).all()


def test_an_empty_mask_has_no_points():
    empty = np.zeros((8, 8), dtype=bool)
    assert geometry.mask_polygon_points(empty) is None
    assert not geometry.mask_scribble_points(empty, np.random.RandomState(0)).any()
    with pytest.raises(ValueError, match="all black"):
        mask_box(empty)


@pytest.mark.parametrize("pixels", [1, 12, 100])
def test_few_pixels_give_the_same_points_for_the_same_seed(pixels):
    mask = np.zeros((30, 50), dtype=bool)
    mask.reshape(-1)[200 : 200 + pixels] = True
    first = geometry.mask_polygon_points(mask, rng=random.Random(4))
    assert (first == geometry.mask_polygon_points(mask, rng=random.Random(4))).all()
    assert pixels == 1 or (first != geometry.mask_polygon_points(mask, rng=random.Random(5))).any()
    assert geometry.mask_scribble_points(mask, np.random.RandomState(0)).shape == (20, 2)


def test_scribble_points_are_distinct_pixels_of_the_mask():
    mask = blobs(1)
    points = geometry.mask_scribble_points(mask, np.random.RandomState(0))
    assert all(mask[int(y), int(x)] for x, y in points)
    assert len({tuple(p) for p in points}) == 20


def test_points_are_scaled_by_width_and_height():
    scaled = geometry.scale_points(np.array([[384.0, 128.0], [900.0, 512.0]]), 512, 768)
    assert scaled.tolist() == [0.5, 0.25, 1.0, 1.0]


@pytest.mark.parametrize("count", [1, 7, 20, 33, 41])
def test_reordering_keeps_given_points_only(count):
    points = np.random.RandomState(count).rand(count, 2)
    out = geometry.reorder_points(points)
    assert out.shape == (20, 2)
    assert {tuple(p) for p in out} <= {tuple(p) for p in points}
    assert (np.diff(np.hypot(*out.T)) >= 0).all()


def test_a_stroke_is_resampled_evenly_along_its_whole_length():
    out = geometry.resample_stroke([(0.0, 0.0), (1.0, 0.0)])
    np.testing.assert_allclose(out[:, 0], np.linspace(0, 1, 20))
    bent = geometry.resample_stroke([(0.0, 0.0), (0.0, 0.5), (0.9, 0.5)])
    assert bent.shape == (20, 2) and bent[:, 0].max() == 0.9


def test_twenty_points_are_taken_as_they_are():
    points = np.random.RandomState(0).rand(20, 2)
    out = geometry.resample_stroke(points)
    assert {tuple(p) for p in out} == {tuple(p) for p in points}


def test_a_single_point_makes_a_stroke():
    assert (geometry.resample_stroke([(0.3, 0.4)]) == (0.3, 0.4)).all()


@pytest.mark.parametrize("count", [1, 2, 7, 19, 20, 21, 50])
def test_a_set_of_points_stays_a_set(count):
    points = tuple((i / 100, 0.5) for i in range(count))
    out = geometry.spread_points(points)
    assert len(out) == 20
    assert set(out) <= set(points) and (count > 20 or set(out) == set(points))
    assert geometry.is_point_set(out) == (count < 20)


def test_attention_masks_put_rows_before_columns():
    (mask,) = geometry.attention_masks([(0.5, 0.0, 1.0, 0.25)], 64, 96)
    expected = np.zeros((64, 96), dtype=np.uint8)
    expected[0:16, 48:96] = 1
    assert (mask == expected).all()


def test_the_authors_attention_masks_are_transposed():
    boxes = [(0.1, 0.2, 0.5, 0.9), (0.0, 0.0, 1.0, 1.0), (0.3, 0.6, 0.4, 0.7)]
    ours = geometry.attention_masks(boxes, 64, 64)
    theirs = geometry.attention_masks(boxes, 64, 64, transposed=True)
    assert (ours == theirs.transpose(0, 2, 1)).all() and (ours != theirs).any()


def test_edges_are_rounded_half_to_even():
    (mask,) = geometry.attention_masks([(0.5 / 64, 1.5 / 64, 2.5 / 64, 3.5 / 64)], 64, 64)
    assert mask.sum() == 4 and mask[2:4, 0:2].all()


def test_a_tiny_box_keeps_a_cell_only_in_our_masks():
    boxes = [(0.26, 0.26, 0.27, 0.27), (0.999, 0.999, 1.0, 1.0)]
    assert geometry.attention_masks(boxes, 8, 12).sum((1, 2)).tolist() == [1, 1]
    assert geometry.attention_masks(boxes, 8, 12, keep_small=False).sum() == 0
    assert geometry.attention_masks(boxes, 8, 8, transposed=True).sum() == 0


def test_a_box_without_area_has_no_cell():
    assert geometry.attention_masks([(0.0, 0.0, 0.0, 0.0)], 64, 64).sum() == 0


def test_masks_survive_their_encoding():
    mask = blobs(2)
    encoded = encode_mask(mask)
    assert (encoded.height, encoded.width) == (96, 144)
    assert (decode_mask(encoded) == mask).all()


def test_the_box_of_a_mask_runs_along_its_outer_edges():
    mask = np.zeros((10, 20), dtype=bool)
    mask[2:5, 4:14] = True
    assert mask_box(mask) == (0.2, 0.2, 0.7, 0.5)
    assert (draw_box(mask_box(mask), 10, 20) == mask).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (10, 14), (96, 144)])
def test_the_box_of_an_encoded_mask_is_that_of_its_pixels(shape):
    rng = np.random.RandomState(shape[0])
    masks = [np.ones(shape, dtype=bool)]  # one run through every column
    for _ in range(200):
        mask = rng.rand(*shape) < rng.choice([0.01, 0.1, 0.9])
        top, left = rng.randint(shape[0]), rng.randint(shape[1])
        mask[:top], mask[:, :left] = rng.rand() < 0.1, False
        mask[-1, -1] |= rng.rand() < 0.3 or not mask.any()
        masks.append(mask)
    single = np.zeros(shape, dtype=bool)
    single[shape[0] // 2, shape[1] // 2] = True
    ring = np.ones(shape, dtype=bool)
    ring[1:-1, 1:-1] = False
    for mask in (*masks, single, ring):
        assert mask_extent(encode_mask(mask)) == mask_box(mask)


def test_runs_of_no_pixels_do_not_widen_the_box_of_an_encoded_mask():
    mask = Mask(4, 6, encode_runs([2, 0, 3, 1, 0, 2, 10, 0, 6]))
    assert mask_extent(mask) == mask_box(decode_mask(mask)) == (1 / 6, 0.25, 2 / 6, 1.0)
    assert mask_extent(Mask(4, 6, encode_runs([0, 24]))) == (0, 0, 1, 1)


@pytest.mark.parametrize("runs", [[24], [24, 0], [3, 0, 21]])
def test_an_encoded_mask_without_pixels_has_no_box(runs):
    with pytest.raises(ValueError, match="all black"):
        mask_extent(Mask(4, 6, encode_runs(runs)))


def test_the_runs_of_a_mask_must_fill_it():
    for read in (decode_mask, mask_extent):
        with pytest.raises(ValueError, match="cover 23 pixels"):
            read(Mask(4, 6, encode_runs([3, 20])))


def test_outlines_do_not_depend_on_where_a_mask_lies_on_its_canvas():
    mask = blobs(5)
    wide = np.pad(mask, ((30, 7), (90, 12)))
    for near, far in zip(geometry.mask_contours(mask), geometry.mask_contours(wide), strict=True):
        assert (near + np.array((90, 30)) == far).all()


def test_polygons_are_drawn_in_x_y_order():
    drawn = mask_of_polygons([[10, 2, 18, 2, 18, 6, 10, 6]], 10, 20, "Instance 1")
    assert drawn is not None
    mask = decode_mask(drawn)
    assert mask[2:6, 10:18].all() and mask.sum() == 32


def test_masks_are_resized_to_the_tokenizers_square():
    seg = resize_seg(np.pad(np.ones((60, 80), dtype=bool), ((0, 60), (80, 0))))
    assert seg.shape == (512, 512) and seg.dtype == np.float32
    assert seg[:250, 262:].min() == 1 and seg[262:].max() == 0
    exact = blobs(4, 512, 512)
    assert (resize_seg(exact) == exact).all()


def test_nearest_resizing_keeps_a_wide_mask_in_place():
    mask = np.zeros((8, 12), dtype=bool)
    mask[2:4, 9:12] = True
    grown = resize_nearest(mask, 32, 48)
    assert grown[8:16, 36:48].all() and grown.sum() == 96
    assert (resize_nearest(grown, 8, 12) == mask).all()
