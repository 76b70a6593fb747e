"""Heavy but legal masks and polygons: read, resized and drawn at once and as the plain way does it, or refused in one sentence."""

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry import masks, polygons
from instdiff.instdiff_modules.geometry.grouping import two_groups
from instdiff.instdiff_modules.geometry.growing import grown, thinned
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask, mask_box, mask_extent, resize_nearest
from instdiff.instdiff_modules.geometry.polygons import mask_of_polygons
from instdiff.instdiff_modules.geometry.raster import layout_boxes
from instdiff.instdiff_modules.importers import read_layout
from instdiff.instdiff_modules.importers.given import XYXY, Given
from instdiff.instdiff_modules.importers.kinds import read_any
from instdiff.instdiff_modules.layout import rle
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.instance import Mask
from instdiff.instdiff_modules.layout.units import PIXELS
from skimage.transform import resize
from support.authors_demo import draw_polygons
from support.heavy import crowd, seconds


def checkered(side: int) -> Mask:
    """As many runs as pixels."""
    mask = np.zeros((side, side), bool)
    mask[::2] = True
    return encode_mask(mask)


def coco(side: int, *polygons: list[float]) -> dict:
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": list(polygons)}
    return {
        "images": [{"id": 1, "width": side, "height": side}],
        "categories": [{"id": 1, "name": "kite"}],
        "annotations": [annotation],
    }


# masks


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_runs_are_the_same_in_chunks_of_any_length(monkeypatch, chunk):
    rng = np.random.RandomState(chunk)
    monkeypatch.setattr(rle, "_CHUNK", chunk)
    for _ in range(40):
        runs = (rng.randint(0, 2**29, 30) >> rng.randint(0, 29)).tolist()
        assert rle.decode_runs(rle.encode_runs(runs)).tolist() == runs


def test_four_million_runs_are_read_at_once():
    text = rle.encode_runs(np.ones(2**22, np.int64))
    assert seconds(lambda: rle.decode_runs(text)) < 2
    with pytest.raises(ValueError, match="negative length"):
        rle.decode_runs("11" + "O" * 40)


def test_the_box_of_a_mask_is_read_once(monkeypatch):
    mask, read = checkered(256), []
    decode = masks.decode_runs
    monkeypatch.setattr(masks, "decode_runs", lambda counts: read.append(1) or decode(counts))
    layout = crowd(30, mask=mask)
    for _ in range(3):
        assert len(layout_boxes(layout, 64, 64)) == 30 and two_groups(layout.instances)
    assert len(read) == 1 and mask_extent(mask) == mask_box(decode_mask(mask))


@pytest.mark.parametrize("shape", [(30, 50), (64, 64), (7, 1)])
def test_pixels_at_any_size_are_read_from_the_runs(monkeypatch, shape):
    rng = np.random.RandomState(0)
    for size in ((3, 5), (40, 20), (64, 64), (90, 200)):
        pixels = rng.rand(*shape) < 0.4
        pixels[-1, -1] = True
        mask = encode_mask(pixels)
        for dense in (0, 2, 1000):
            monkeypatch.setattr(masks, "DENSE", dense)
            assert (masks.decode_at_size(mask, *size) == resize_nearest(pixels, *size)).all()
        assert masks.mask_area(mask) == pixels.sum()


@pytest.mark.parametrize("size", [(1, 1), (4, 9), (13, 29), (30, 50)])
def test_a_shrunk_mask_loses_nothing(size):
    rng = np.random.RandomState(1)
    for share in (0.01, 0.5, 0.99):
        pixels = rng.rand(30, 50) < share
        pixels[3, 4] = True
        expected = np.zeros(size, bool)
        rows, columns = np.nonzero(pixels)
        expected[rows * size[0] // 30, columns * size[1] // 50] = True
        assert (masks.shrink_mask(encode_mask(pixels), *size) == expected).all()


@pytest.mark.parametrize("shape", [(512, 1024), (1024, 512), (1536, 512), (600, 512)])
def test_a_part_of_a_seg_is_resized_as_the_whole(shape):
    rng = np.random.RandomState(2)
    for top, left in ((0, 0), (shape[0] - 90, 7), (200, shape[1] - 60)):
        mask = np.zeros(shape, bool)
        mask[top : top + 90, left : left + 60] = rng.rand(90, 60) < 0.7
        assert (masks.resize_seg(mask) == resize(mask.astype(np.float32), (512, 512))).all()


def test_growing_takes_windows_of_any_length():
    rng = np.random.RandomState(3)
    for pixels in (0, 1, 2, 5, 12, 60):
        mask = rng.rand(40, 25) < 0.01
        wide = torch.from_numpy(mask).float()[None, None]
        wide = torch.nn.functional.pad(wide, (pixels,) * 4, value=0.0)
        expected = torch.nn.functional.max_pool2d(wide, 2 * pixels + 1, stride=1)[0, 0].numpy() > 0.5
        assert (grown(mask, pixels) == expected).all() and (thinned(~mask, pixels) == ~expected).all()


# polygons


def test_a_polygon_on_a_huge_canvas_is_kept_smaller(caplog):
    layout = read_layout(coco(16384, [0, 0, 16384, 0, 16384, 16384]))
    (instance,) = layout.instances
    assert instance.mask is not None and (instance.mask.width, instance.mask.height) == (8192, 8192)
    assert "kept at 8192x8192 pixels, not 16384x16384" in caplog.text
    assert masks.mask_area(instance.mask) == pytest.approx(8192 * 8192 / 2, rel=1e-3)
    assert parse_layout(layout_to_json(layout)).instances[0].mask == instance.mask


def test_an_endless_outline_is_drawn_coarsely_and_then_refused(caplog):
    zigzag = np.random.RandomState(0).randint(0, 8192, 4000).tolist()
    mask = mask_of_polygons([zigzag], 8192, 8192, "Instance 1", beside=10)
    assert mask is not None and 1000 < mask.width < 4000 and "kept at" in caplog.text
    with pytest.raises(ValueError, match=r"^Instance 1: the outline of the polygons is \d+ pixels long"):
        mask_of_polygons([zigzag * 50], 8192, 8192, "Instance 1", beside=1000)
    with pytest.raises(ValueError, match="10001 polygons, at most 10000"):
        mask_of_polygons([[0, 0, 1, 0, 1, 1]] * 10001, 64, 64, "Instance 1", beside=1)


def test_each_of_many_outlines_has_its_share_of_the_time(monkeypatch):
    monkeypatch.setattr(polygons, "MAX_OUTLINES", 3_000_000)
    ring = np.random.RandomState(0).rand(60, 2) * 8192
    shapes = [{"label": "x", "shape_type": "polygon", "points": ring.tolist()}] * 200
    labelme = {"version": "5.0", "imagePath": "a.png", "imageWidth": 8192, "imageHeight": 8192, "shapes": shapes}
    detections = [
        {"label": "x", "segmentation": [ring.reshape(-1).tolist()], "bbox": [0, 0, 9, 9], "bbox_mode": "xyxy"}
    ] * 200
    fractions = " ".join(map(str, (ring / 8192).reshape(-1)))
    for value, given in (
        (labelme, Given()),
        ("\n".join([f"0 {fractions}"] * 200), Given((8192, 8192))),
        (detections, Given((8192, 8192), PIXELS, XYXY)),
    ):
        (layout,) = read_any(value, given)
        masks_of = [instance.mask for instance in layout.instances]
        assert len(masks_of) == 200 and all(mask is not None and mask.width < 800 for mask in masks_of)


def test_many_polygons_are_joined_as_pycocotools_joins_them():
    rng = np.random.RandomState(0)
    rings = [(rng.rand(4, 2) * (90, 70)).reshape(-1).tolist() for _ in range(100)]
    for count in (1, 2, 33, 100):
        mask = mask_of_polygons(rings[:count], 70, 90, "Instance 1")
        assert mask is not None and (decode_mask(mask) == draw_polygons(rings[:count], 70, 90)).all()
