"""What a training is fed: data items, drops, sizes, plans and captions."""

import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import decode_mask
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.training import batches, drops
from instdiff.instdiff_modules.training.buckets import Plan, bucket_sizes, nearest_bucket
from instdiff.instdiff_modules.training.cache import Texts
from instdiff.instdiff_modules.training.draws import SeededDraws
from instdiff.instdiff_modules.training.frames import Frame, mirrored
from instdiff.instdiff_modules.training.items import make_item
from instdiff.instdiff_modules.training.recipe import AUTHORS, Recipe
from PIL import Image
from support.training_inputs import EVERYTHING, layout, square_mask


def test_a_data_item_is_measured_in_the_cut_picture():
    item = make_item(layout(), Frame(200, 100, 64, 64), SeededDraws(0), EVERYTHING)  # the middle 100 x 100 pixels
    assert [i for i, _ in item.slots] == [1, 2] and item.caption == "animals"  # left is cut away, the speck too small
    assert torch.allclose(item.inputs.boxes[0, 0], torch.tensor([0.3, 0.2, 0.9, 0.8]))
    assert item.inputs.points[0, 1].tolist() == [0.5, 0.5] and not item.inputs.box_mask[0, 1]
    assert item.inputs.segs[0, 0].mean().item() == pytest.approx(0.36, abs=0.01)
    for points in (item.inputs.scribbles[0, 0].view(-1, 2), item.inputs.polygons[0, 0].view(-1, 2)):
        assert ((points > 0.18) & (points < 0.93)).all()
        far = points.norm(dim=1)
        assert (far[1:] >= far[:-1] - 1e-6).all()  # nearest the corner of this picture first
    assert {make_item(layout(), Frame(200, 100), SeededDraws(n), EVERYTHING).texts[0] for n in range(20)} == {
        "fox",
        "a red fox",
    }


def test_what_is_mirrored_is_mirrored_whole():
    recipe, frame = replace(EVERYTHING, flip_aug=True), Frame(200, 100, 128, 64)
    seen = {}
    for n in range(20):
        item = make_item(layout(), frame, SeededDraws(n), recipe)
        seen.setdefault(item.flipped, item)
    plain, flipped = seen[False].inputs, seen[True].inputs
    x0, y0, x1, y1 = plain.boxes[0, 0].tolist()
    assert flipped.boxes[0, 0].tolist() == pytest.approx([1 - x1, y0, 1 - x0, y1])
    assert (flipped.segs[0].flip(-1) - plain.segs[0]).abs().mean() < 0.01
    again = mirrored(mirrored(layout().instances[1]))
    assert (decode_mask(again.mask) == decode_mask(layout().instances[1].mask)).all()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8))
    assert (replace(frame, flipped=True).pixels(picture)[:, ::-1] == frame.pixels(picture)).all()


def test_the_largest_stay_and_stand_first():
    instances = tuple(Instance(str(i), "x", box=(0.0, 0.0, 0.2 + i / 50, 0.5)) for i in range(6))
    item = make_item(Layout(instances), Frame(64, 64, 64, 64), SeededDraws(0), EVERYTHING, slots=4)
    assert [i for i, _ in item.slots] == [5, 4, 3, 2]
    item = make_item(
        Layout(instances), Frame(64, 64, 64, 64), SeededDraws(0), replace(EVERYTHING, sort_by_area=False), 4
    )
    assert [i for i, _ in item.slots] == [2, 3, 4, 5]


def test_the_authors_items_say_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"Instance 2 \(mid\) has no box"):
        make_item(layout(), Frame(200, 100), SeededDraws(0), AUTHORS)
    masked = Instance("a", "x", box=(0.1, 0.1, 0.9, 0.9), mask=square_mask(10, 10, 60, 60, 700, 700))
    with pytest.raises(ValueError, match="mask plane is 341x341, not 512x512"):
        make_item(Layout((masked, masked)), Frame(768, 768), SeededDraws(0), AUTHORS)


def test_independent_drops_keep_their_rates_and_always_something():
    recipe, count, kept = Recipe(), Counter(), 4000
    for n in range(kept):
        gone = drops.drop_of({"box", "point", "polygon", "segment"}, SeededDraws("drops", n), recipe)
        if gone is None:
            count["all"] += 1
            continue
        assert not {"box", "point", "polygon", "segment"} <= gone and ("polygon" in gone) == ("segment" in gone)
        count.update(gone)
    assert count["all"] / kept == pytest.approx(recipe.drop_all, abs=0.02)
    assert count["scribble"] / kept == pytest.approx(0.9 * recipe.drop_scribble, abs=0.03)
    assert count["box"] / kept == pytest.approx(0.9 * (recipe.drop_box - 0.045 / 3), abs=0.03)


def test_a_dropped_format_and_a_dropped_layout():
    item = make_item(layout(), Frame(200, 100, 128, 64), SeededDraws(0), EVERYTHING)
    both = batches.dropped([item.inputs, item.inputs], [{"polygon", "segment"}, None])
    assert both.box_mask.sum() == 2 and both.polygon_mask.sum() == both.seg_mask.sum() == 0
    assert both.text_mask.sum() == 3 and not both.boxes[1].any()
    memory = both.segs.untyped_storage().nbytes()
    assert memory < 1000  # planes that nobody sees take no memory
    recipe = replace(EVERYTHING, masked_attention="all")
    first, second = batches.mask_boxes(batches.joined([item.inputs] * 2), both, recipe)
    assert [slot is not None for slot in first[:3]] == [True, True, False] and not any(second)


def test_sizes_and_plans_of_batches():
    sizes = bucket_sizes((512, 512), 256, 1024, 64)
    assert (512, 512) in sizes and all(w * h <= 512 * 512 and w % 64 == h % 64 == 0 for w, h in sizes)
    assert nearest_bucket(1000, 1000, sizes) == (512, 512) and nearest_bucket(1600, 900, sizes) == (640, 384)
    plan = Plan([(64, 64)] * 5 + [(64, 32)] * 2, [1] * 6 + [3], 2, seed=1)
    epoch = [plan.at(n) for n in range(plan.batches)]
    assert all(len({i < 5 for i in batch}) == 1 and len(batch) == 2 for batch in epoch)
    seen = Counter(i for batch in epoch for i in batch)
    assert set(seen) == set(range(7)) and seen[6] == 3
    assert [Plan([(64, 64)] * 5, [1] * 5, 1, 1).at(n) for n in (3, 9)] == [
        Plan([(64, 64)] * 5, [1] * 5, 1, 1).at(n) for n in (3, 9)
    ]
    assert [plan.at(n) for n in range(plan.batches, 2 * plan.batches)] != epoch  # another order in the next epoch
    twice = Plan([(64, 64)] * 8, [1] * 8, 4, 1)
    assert sorted(twice.at(0) + twice.at(1)) == list(range(8))


def test_random_choices_depend_on_their_numbers_alone():
    assert SeededDraws(1, "a", 2).uniform() == SeededDraws(1, "a", 2).uniform() != SeededDraws(1, "a", 3).uniform()
    state = random.getstate()
    SeededDraws(5).uniform()
    assert random.getstate() == state


def test_of_captions_longer_than_clip_reads_the_beginning_counts_so_that_a_batch_fits_together(tmp_path):
    def encode(text):  # ComfyUI goes on with another 77 tokens
        return torch.arange(77.0 * (1 + len(text) // 100))[:, None].expand(-1, 4), torch.zeros(4)

    texts = Texts(tmp_path, SimpleNamespace(text_key="", encode_text=encode))
    long, short = texts.context("a red star, " * 30), texts.context("a red star")
    assert torch.equal(long, short) and long.shape == (77, 4)
