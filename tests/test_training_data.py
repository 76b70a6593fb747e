"""What a training is fed: data items, drops, sizes, plans, datasets and the config, and what is refused."""

import base64
import io
import json
import random
import re
import sys
from collections import Counter
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.training import batches, check, coco, command, drops
from instdiff.instdiff_modules.training.buckets import Plan, bucket_sizes, nearest_bucket
from instdiff.instdiff_modules.training.cache import Texts
from instdiff.instdiff_modules.training.config import TrainConfig, parse_config, read_config
from instdiff.instdiff_modules.training.dataset import open_picture, read_datasets
from instdiff.instdiff_modules.training.draws import SeededDraws
from instdiff.instdiff_modules.training.frames import Frame, mirrored
from instdiff.instdiff_modules.training.items import make_item
from instdiff.instdiff_modules.training.recipe import AUTHORS, Recipe
from instdiff.instdiff_modules.training.settings import Settings
from PIL import Image
from pycocotools.coco import COCO
from support.pack import ROOT
from support.small_dataset import write_scenes

if sys.version_info >= (3, 11):
    import tomllib

LEAST = {"pretrained_model_name_or_path": "base.safetensors", "output_dir": "out", "datasets": [{"image_dir": "data"}]}
EVERYTHING = replace(Recipe(), caption_dropout_rate=0.0, flip_aug=False)


def square_mask(x0, y0, x1, y1, height=100, width=200):
    pixels = np.zeros((height, width), bool)
    pixels[y0:y1, x0:x1] = True
    return encode_mask(pixels)


def layout() -> Layout:
    """On 200 x 100: a box at the left edge, a mask in the middle, a point, and a speck."""
    return Layout(
        (
            Instance("left", "a fox", box=(0.0, 0.2, 0.2, 0.9)),
            Instance("mid", "a red fox", mask=square_mask(80, 20, 140, 80), extra={"category_name": "fox"}),
            Instance("dot", "a bee", point=(0.5, 0.5)),
            Instance("speck", "dust", box=(0.5, 0.5, 0.51, 0.51)),
        ),
        200,
        100,
        "animals",
    )


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


def picture(path, width=40, height=30):
    Image.new("RGB", (width, height), "red").save(path)


def config(**dataset):
    return parse_config({**LEAST, "datasets": [dataset]})


def test_a_folder_of_pictures_with_layouts(tmp_path, caplog):
    for name in ("a", "b", "c", "d"):
        picture(tmp_path / f"{name}.png")
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(layout_to_json(replace(layout(), prompt="" if name == "b" else "given")))
    (tmp_path / "b.txt").write_text("from the text\n")
    (tmp_path / "d.json").write_text("{")
    (tmp_path / "e.png").write_bytes(b"no picture")
    (tmp_path / "e.json").write_text(layout_to_json(layout()))
    samples = read_datasets(config(image_dir=str(tmp_path), num_repeats=3))
    assert [(s.name, s.layout.prompt, s.width, s.repeats) for s in samples] == [
        ("a", "given", 40, 3),
        ("b", "from the text", 40, 3),
    ]
    for said in ("c.png has no c.json", "d.png is left out", "e.png does not open as a picture"):
        assert said in caplog.text
    with pytest.raises(ValueError, match="There is no folder"):
        read_datasets(config(image_dir=str(tmp_path / "none")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="Dataset 1 has no picture with a layout"):
        read_datasets(config(image_dir=str(tmp_path / "empty")))


def test_captions_that_fit_worse_than_names_are_told(tmp_path, monkeypatch):
    """CLIP itself is stood in for: it sees the colour of a crop, and reads the first colour of a text."""
    colors = {"red": (255, 0, 0), "blue": (0, 0, 255)}

    class SeesColors:
        def __init__(self, folder, device):
            assert (str(folder), device) == ("clip", "cpu")

        def similarity(self, pictures, texts):
            told = [next((colors[word] for word in text.split() if word in colors), (0, 0, 0)) for text in texts]
            return np.array([[np.dot(p.mean((0, 1)), t) / 255**2 for t in told] for p in pictures])

    monkeypatch.setattr(check, "LocalClip", SeesColors)
    for name, caption in (("good", "a red ball"), ("odd", "a blue ball"), ("unnamed", "a blue ball")):
        picture(tmp_path / f"{name}.png")  # red
        extra = {} if name == "unnamed" else {"category_name": "red thing"}
        one = Instance("a", caption, box=(0.1, 0.2, 0.5, 0.6), extra=extra)
        (tmp_path / f"{name}.json").write_text(layout_to_json(Layout((one,), 40, 30)))
    report = check.describe(
        check.dataset_config(tmp_path), read_datasets(config(image_dir=str(tmp_path))), SeesColors("clip", "cpu")
    )
    [told] = [line for line in report.splitlines() if "(CLIP)" in line]
    assert told == "Check: a caption that fits its crop worse than the instance's name does (CLIP): odd"
    assert check.main([str(tmp_path), "--clip", "clip", "--sheet", str(tmp_path / "sheet.png")]) == 0


def test_a_dataset_written_as_coco_comes_back(tmp_path, caplog, capsys):
    write_scenes(tmp_path / "data", 3)
    picture(tmp_path / "data" / "z.png")
    named = Instance("a", "a sleeping dog", box=(0.1, 0.2, 0.5, 0.6), extra={"category_name": "dog"})
    marked = Instance("b", "a cat", point=(0.5, 0.5))
    (tmp_path / "data" / "z.json").write_text(layout_to_json(Layout((named, marked), 400, 300, "a dog and a cat")))
    assert coco.main([str(tmp_path / "data"), str(tmp_path / "out.json")]) == 0
    assert "in 4 pictures" in capsys.readouterr().out and "points and" in caplog.text
    written = COCO(str(tmp_path / "out.json"))
    assert [c["name"] for c in written.loadCats(written.getCatIds())][-2:] == ["dog", "a cat"]
    assert len(COCO(str(tmp_path / "out-captions.json")).anns) == 4
    before = read_datasets(config(image_dir=str(tmp_path / "data")))
    after = read_datasets(
        config(format="coco", image_dir=str(tmp_path / "data"), annotations=str(tmp_path / "out.json"))
    )
    assert [(s.name, s.layout.prompt) for s in after] == [(s.name, s.layout.prompt) for s in before]
    for old, new in zip(before, after, strict=True):
        assert [i.prompt for i in new.layout.instances] == [i.prompt for i in old.layout.instances]
        for one, other in zip(old.layout.instances, new.layout.instances, strict=True):
            assert one.mask == other.mask
            if one.box is not None:
                assert max(abs(a - b) for a, b in zip(one.box, other.box, strict=True)) < 1e-5
    assert [i.extra.get("category_name") for i in after[-1].layout.instances] == ["dog", "a cat"]
    assert coco.main([str(tmp_path / "none"), str(tmp_path / "out.json")]) == 2


def test_coco_and_the_authors_format(tmp_path, caplog):
    picture(tmp_path / "x.png")
    given = {
        "images": [
            {"id": 7, "file_name": "x.png", "width": 40, "height": 30},
            {"id": 8, "file_name": "gone.png", "width": 9, "height": 9},
        ],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [4, 3, 20, 15]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 8, 6], "caption": "a sleeping dog"},
            {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 40, 30], "iscrowd": 1},
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(given))
    captions = {"annotations": [{"image_id": 7, "caption": "two dogs"}, {"image_id": 7, "caption": "other words"}]}
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    given = {"image_dir": str(tmp_path), "annotations": str(tmp_path / "coco.json")}
    (sample,) = read_datasets(config(format="coco", captions=str(tmp_path / "captions.json"), **given))
    assert sample.layout.prompt == "two dogs" and "gone.png is left out" in caplog.text
    first, second = sample.layout.instances
    assert first.prompt == "dog" and first.box == pytest.approx((0.1, 0.1, 0.6, 0.6))
    assert (second.prompt, second.extra["category_name"]) == ("a sleeping dog", "dog")

    held = io.BytesIO()
    Image.new("RGB", (40, 30), "blue").save(held, "PNG")
    record = {
        "image": base64.b64encode(held.getvalue()).decode(),
        "caption": "blue",
        "is_det": 1,
        "annos": [{"bbox": [4, 3, 20, 15], "category_name": "cat", "scribbles": [5, 5] * 20}],
    }
    (tmp_path / "authors").mkdir()
    (tmp_path / "authors" / "r.json").write_text(json.dumps(record))
    (tmp_path / "authors" / "bad.json").write_text("{}")
    (sample,) = read_datasets(config(format="authors", annotations=str(tmp_path / "authors")))
    assert open_picture(sample).size == (40, 30)
    item = make_item(sample.layout, Frame(40, 30, 64, 64), SeededDraws(1), EVERYTHING)
    assert (item.texts, item.caption) == (("cat",), "1 cat. blue") and item.inputs.scribble_mask[0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learning_rat": 1}, r"learning_rat'\. Did you mean learning_rate\?"),
        (
            {"datasets": [{"image_dir": "a", "num_repeat": 2}]},
            "Dataset 1 has a setting that is not known: 'num_repeat'",
        ),
        ({"output_dir": ""}, "has no output_dir"),
        ({"datasets": []}, r"has no \[\[datasets\]\]"),
        ({"datasets": [{"format": "coco", "image_dir": "a"}]}, "Dataset 1 has no annotations"),
        ({"mixed_precision": "fp8"}, "mixed_precision must be one of no, fp16, bf16"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"learning_rate": -1}, "learning_rate must be above 0"),
        ({"max_train_steps": 2.5}, "max_train_steps must be a whole number"),
        ({"drop_box": 1.5}, r"drop_box must lie in 0\.\.1"),
        ({"use_ema": "yes"}, "use_ema must be true or false"),
        ({"resolution": 500}, "resolution must be a multiple of 8"),
        ({"train_parts": ["unet"]}, "train_parts must be a list of tokenizer, fusers, scaleu"),
        ({"items": "authors"}, "enable_bucket = false"),
        ({"a": {"seed": 1}, "b": {"seed": 2}}, "says seed twice"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_in_one_sentence(change, said):
    with pytest.raises(ValueError, match=said) as error:
        parse_config({**LEAST, **change})
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


def test_a_config_as_people_write_it(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        'pretrained_model_name_or_path = "base.safetensors"\noutput_dir = "out"\nresolution = "768,512"\n'
        '[optimizer]\nlearning_rate = 1e-4\n[rules]\nrecipe = "authors"\nenable_bucket = false\nresolution_is = 1\n[[datasets]]\nimage_dir = "d"\n'
    )
    with pytest.raises(ValueError, match="Did you mean resolution"):
        read_config(path)
    path.write_text(path.read_text().replace("resolution_is = 1", "drop_all = 0").replace('"768,512"', "512"))
    read = read_config(path)
    assert read.loop.learning_rate == 1e-4 and read.rules == replace(AUTHORS, drop_all=0.0)
    assert read.output == tmp_path / "out" and not read.loop.ema_warmup
    path.write_text("a = ")
    with pytest.raises(ValueError, match=r"train\.toml is not valid TOML"):
        read_config(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_random_choices_depend_on_their_numbers_alone():
    assert SeededDraws(1, "a", 2).uniform() == SeededDraws(1, "a", 2).uniform() != SeededDraws(1, "a", 3).uniform()
    state = random.getstate()
    SeededDraws(5).uniform()
    assert random.getstate() == state


def test_a_dataset_is_looked_at_before_training(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b", "c"):
        picture(data / f"{name}.png", 200, 100)
    twice = layout().instances[0]
    (data / "a.json").write_text(layout_to_json(layout()))
    (data / "b.json").write_text(layout_to_json(Layout((twice, replace(twice, id="again")), 100, 100, "word " * 70)))
    (data / "c.json").write_text(layout_to_json(Layout((), 200, 100)))
    assert check.main([str(data)]) == 0
    said = capsys.readouterr().out
    for part in (
        "Pictures: 3, 1 without a caption",
        "Instances: 6, 2.0 a picture, 4 at most",
        "4 with a box, 1 with a point, 0 with a scribble, 1 with a mask",
        "no instances: c",
        "the same picture 3 times: a, b, c",
        "the layout has another shape than the picture: b",
        "longer than CLIP's 77 tokens, of which the rest goes unread: b",
        "the same instance twice: b",
    ):
        assert part in said
    with Image.open(tmp_path / "data-check.png") as sheet:
        assert sheet.size == (768, 256)
    assert check.main([str(tmp_path / "none")]) == 2


def test_the_config_in_the_documentation_is_read():
    page = (ROOT / "web" / "about" / "training.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    read = parse_config(tomllib.loads(text)) if sys.version_info >= (3, 11) else None
    assert read is None or (read.loop.max_train_steps == 20000 and len(read.datasets) == 2)
    known = {f.name for kind in (TrainConfig, Settings, Recipe) for f in fields(kind)}
    table = page.partition("| setting | default")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert len(named) > 10 and named <= known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The config has no pretrained_model_name_or_path"),
        (
            'pretrained_model_name_or_path = "b"\noutput_dir = "o"\n[[datasets]]\nimage_dir = "none"\n',
            "There is no folder",
        ),
    ],
)
def test_the_command_ends_with_a_sentence(text, said, tmp_path, capsys):
    (tmp_path / "train.toml").write_text(text)

    def no_base(*_: object) -> None:
        raise AssertionError("the base is the last thing to be loaded")

    assert command.main(["--config", str(tmp_path / "train.toml")], no_base) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1


def test_of_captions_longer_than_clip_reads_the_beginning_counts_so_that_a_batch_fits_together(tmp_path):
    def encode(text):  # ComfyUI goes on with another 77 tokens
        return torch.arange(77.0 * (1 + len(text) // 100))[:, None].expand(-1, 4), torch.zeros(4)

    texts = Texts(tmp_path, SimpleNamespace(text_key="", encode_text=encode))
    long, short = texts.context("a red star, " * 30), texts.context("a red star")
    assert torch.equal(long, short) and long.shape == (77, 4)
