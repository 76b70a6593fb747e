"""Heavy but legal layouts: answered within seconds and a gigabyte, or by one sentence; seen by the work done, not by the clock."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry import keyframes, points
from instdiff.instdiff_modules.geometry.edit_instances import MOVE, Edit, edit_instances
from instdiff.instdiff_modules.geometry.interior import interior_points, lengths
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.grounding.bank import TokenBank, token_sets_of
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.importers.tracking import read_tracking
from instdiff.instdiff_modules.layout import fields
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Mask
from instdiff.instdiff_modules.metrics import matching
from instdiff.instdiff_modules.metrics.record import Region
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from instdiff.instdiff_modules.metrics.sources import Predictions
from instdiff.instdiff_modules.plausibility.check import check_frames
from instdiff.instdiff_modules.plausibility.rules import Rules
from instdiff.instdiff_modules.preview.batch import draw_frames
from instdiff.instdiff_modules.preview.draw import draw_layout
from support.heavy import BOX, crowd, seconds


def disc(side: int, shift: int = 0) -> Mask:
    y, x = np.ogrid[:side, :side]
    return encode_mask((x - side // 2 - shift) ** 2 + (y - side // 2) ** 2 < (side // 4) ** 2)


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
