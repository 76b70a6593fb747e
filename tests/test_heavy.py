"""Heavy but legal: what is large is answered within seconds and a gigabyte, or by one sentence; seen by the work done, not by the clock."""

import random
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry import keyframes, masks, points, polygons
from instdiff.instdiff_modules.geometry.edit_instances import MOVE, Edit, edit_instances
from instdiff.instdiff_modules.geometry.grouping import two_groups
from instdiff.instdiff_modules.geometry.growing import grown, thinned
from instdiff.instdiff_modules.geometry.interior import interior_points, lengths
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask, mask_box, mask_extent, resize_nearest
from instdiff.instdiff_modules.geometry.polygons import mask_of_polygons
from instdiff.instdiff_modules.geometry.raster import layout_boxes
from instdiff.instdiff_modules.grounding.bank import TokenBank, token_sets_of
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.importers import read_layout
from instdiff.instdiff_modules.importers.given import XYXY, Given
from instdiff.instdiff_modules.importers.kinds import read_any
from instdiff.instdiff_modules.importers.tracking import read_tracking
from instdiff.instdiff_modules.layout import fields, rle
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Mask
from instdiff.instdiff_modules.layout.units import PIXELS
from instdiff.instdiff_modules.metrics import matching
from instdiff.instdiff_modules.metrics.record import Region
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.metrics.sources import Predictions
from instdiff.instdiff_modules.plausibility.check import check_frames
from instdiff.instdiff_modules.plausibility.rules import Rules
from instdiff.instdiff_modules.preview.batch import draw_frames
from instdiff.instdiff_modules.preview.draw import draw_layout
from skimage.transform import resize
from support.authors_demo import draw_polygons

BOX = (0.1, 0.1, 0.5, 0.5)


def seconds(work) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def checkered(side: int) -> Mask:
    """As many runs as pixels."""
    mask = np.zeros((side, side), bool)
    mask[::2] = True
    return encode_mask(mask)


def disc(side: int, shift: int = 0) -> Mask:
    y, x = np.ogrid[:side, :side]
    return encode_mask((x - side // 2 - shift) ** 2 + (y - side // 2) ** 2 < (side // 4) ** 2)


def crowd(count: int, **location) -> Layout:
    return Layout(tuple(Instance(f"i{i}", f"thing {i}", **(location or {"box": BOX})) for i in range(count)))


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


# grounding, the token bank


@pytest.mark.parametrize("kind", ["noise", "ring", "whole", "corner"])
def test_interior_points_of_large_masks_follow_the_reference_rule(kind):
    rng = np.random.RandomState(0)
    y, x = np.mgrid[:300, :500]
    mask = {
        "noise": rng.rand(300, 500) < 0.5,
        "ring": abs(np.hypot(y - 150, x - 250) - 120) < 0.7,
        "whole": np.ones((300, 500), bool),
        "corner": (y > 200) | (x < 20),
    }[kind]
    pixels = np.argwhere(mask)
    order = np.argsort(lengths(pixels - pixels.mean(0)), kind="stable")
    segment = len(pixels) // 128
    expected = pixels[order[np.arange(128) * segment + segment // 2]][:, ::-1]
    assert (interior_points(mask, 128, random.Random(0)) == expected).all()


def test_ragged_and_huge_masks_are_grounded():
    noise = encode_mask(np.random.RandomState(0).rand(1024, 1024) < 0.5)
    large = disc(4096)
    instances = [Instance("n", "x", mask=noise), Instance("l", "x", mask=large)]
    made = []
    assert seconds(lambda: made.append(build_grounding([instances], [torch.zeros(2, 768)]))) < 6
    (inputs,) = made
    small = build_grounding([[Instance("s", "x", mask=disc(512))]], [torch.zeros(1, 768)])
    assert (inputs.segs[0, 1] - small.segs[0, 0]).abs().mean() < 0.01
    radii = [(row.reshape(-1, 2) - 0.5).norm(dim=1).sort()[0] for row in (inputs.polygons[0, 1], small.polygons[0, 0])]
    assert (radii[0] - radii[1]).abs().max() < 0.01


def test_equal_frames_are_tokenized_once_and_kept_once():
    feature, made = torch.rand(768), []
    tokenizer = lambda inputs, _: made.append(1) or torch.rand(1, 4 * 30 + 64, 8)  # noqa: E731
    frames = [
        (Instance(f"f{k}", "x", box=BOX, mask=disc(64)), Instance("j", "x", box=(0, 0, 0.5, 0.5 + k % 2 / 10)))
        for k in range(200)
    ]
    bank = TokenBank(frames, [[feature, feature]] * 200, tokenizer, 30)
    needed = token_sets_of(bank.timeline(frame) for frame in range(200))
    bank.prepare(needed)
    assert len(needed) == 2 and len(made) == 3, "and the null set"
    other = TokenBank(frames[:1] * 2, [[feature, feature], [feature, torch.rand(768)]], tokenizer, 30)
    assert other.timeline(0) != other.timeline(1)


# scores


def test_masks_of_many_runs_are_compared_as_bits(monkeypatch):
    rng = np.random.RandomState(0)
    regions = [Region("x", None, encode_mask(rng.rand(33, 47) < share)) for share in (0, 0.1, 0.5, 0.9)]
    by_runs = matching.ious(regions, regions[::-1], "mask")
    monkeypatch.setattr(matching, "MAX_RUNS", 0)
    assert (matching.ious(regions, regions[::-1], "mask") == by_runs).all()


def test_100_000_predictions_are_scored():
    entries = [
        {"image_id": i % 50, "category_id": 1, "bbox": [i % 400, i % 300, 40, 40], "score": 0.5} for i in range(100_000)
    ]
    predictions = Predictions(entries)
    layout = replace(crowd(5), width=512, height=512)
    found = predictions.of("7", 512, 512)
    assert len(found) == 2000
    assert seconds(lambda: score_picture("7", layout, found, (512, 512), Settings("any"))) < 2
    with pytest.raises(
        ValueError, match=r"1000 instances and 6000 detections are too many to compare\. Use at most 5000"
    ):
        score_picture("7", replace(layout, instances=crowd(1000).instances), found * 3, (512, 512), Settings("any"))


# previews


def test_a_picture_of_many_large_masks_is_drawn():
    layout = crowd(40, mask=disc(2048))
    assert seconds(lambda: draw_layout(layout, 512, 512)) < 5


def test_a_picture_that_needs_gigabytes_is_refused():
    with pytest.raises(ValueError, match=r"1 pictures of 16384x16384 pixels need 3 GB, at most 0\.5 GB"):
        draw_frames((crowd(1),), 16384, 16384)


def test_a_stroke_of_many_points_is_drawn():
    stroke = tuple(map(tuple, np.random.RandomState(0).rand(100_000, 2).tolist()))
    assert len(points.drawable(stroke)) <= points.MAX_DRAWN + 1 and points.drawable(stroke)[-1] == stroke[-1]
    assert seconds(lambda: draw_layout(Layout((Instance("s", "x", scribble=stroke),)), 256, 256)) < 6


# frames, texts and lists


def test_keyframes_and_tracks_know_their_limits():
    keys = (crowd(1000), crowd(1000))
    for work in (
        lambda: keyframes.between_keyframes(keys, [0, 4095], 4096),
        lambda: read_tracking({"owl": {i: [[1, 1, 9, 9, 64, 64]] * 4096 for i in range(1000)}}),
    ):
        with pytest.raises(ValueError, match=r"all frames together would have 4096000 .* at most 200000 are possible"):
            work()
    scribble = tuple((0.5, i / 10_000) for i in range(10_000))
    with pytest.raises(ValueError, match="would have 10240000 points over 1024 frames"):
        keyframes.between_keyframes((crowd(1, scribble=scribble),) * 2, [0, 1023], 1024)
    assert len(keyframes.between_keyframes((crowd(40), crowd(40)), [0, 99], 100)) == 100


def test_an_id_of_5000_digits_names_no_object():
    tracks = {"owl": {0: [[1, 1, 9, 9, 64, 64]]}}
    with pytest.raises(ValueError, match="the prompts of a TRACKING are lines such as"):
        read_tracking(tracks, f'"{"1" * 5000}.owl": "a barn owl"')


def test_a_scribble_of_many_points_is_read_at_once_or_refused():
    given = [[i / 200_000, 1] for i in range(200_000)]
    assert seconds(lambda: fields.scribble(given, "Instance 1")) < 2
    assert fields.scribble([[1, 0], (0.5, 1 + 1e-9)], "Instance 1") == ((1.0, 0.0), (0.5, 1.0))
    with pytest.raises(ValueError, match=r"the scribble has 1000001 points, at most 1000000 are read"):
        fields.scribble([(0, 0)] * 1_000_001, "Instance 1")
    for odd in (True, None, "1", float("nan"), 10**400):
        with pytest.raises(ValueError, match="Instance 1: scribble must be a"):
            fields.scribble([[0.5, 0.5], [0.5, odd]], "Instance 1")


def test_a_long_text_is_looked_through_once():
    assert seconds(lambda: fields.text("é" * 5_000_000, "The layout", "prompt")) < 1
    with pytest.raises(ValueError, match="broken character"):
        fields.text("é" * 1000 + "\ud800", "The layout", "prompt")


def test_a_chain_of_a_thousand_parts_moves_at_once():
    chain = tuple(Instance(f"i{i}", "x", box=BOX, parent=f"i{i - 1}" if i else "") for i in range(1000))
    moved = []
    edit = Edit(MOVE, ",".join(one.id for one in chain), x=0.1)
    assert seconds(lambda: moved.extend(edit_instances((Layout(chain),), edit))) < 3
    assert {one.box for one in moved[0].instances} == {(0.2, 0.1, 0.6, 0.5)}


def test_a_thousand_things_are_checked_and_too_many_corrections_refused():
    rng = np.random.RandomState(0)
    words = ("car", "man", "cup", "tree", "house", "dog")
    boxes = rng.rand(1000, 4) * (0.5, 0.5, 0.4, 0.4) + (0, 0, 0.05, 0.05)
    things = tuple(
        Instance(f"i{i}", f"a {words[i % 6]}", box=(x, y, x + w, y + h))
        for i, (x, y, w, h) in enumerate(boxes.tolist())
    )
    assert seconds(lambda: check_frames((Layout(things),), Rules(), False)) < 5
    with pytest.raises(
        ValueError, match="1000 instances in 1 frames are too many to correct: in a single frame at most 500"
    ):
        check_frames((Layout(things),), Rules(), True)
