"""A training's datasets: pictures with layouts, COCO's files, the authors' format; and looked at before training."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.layout.document import layout_to_json
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.training import check, coco
from instdiff.instdiff_modules.training.config import parse_config
from instdiff.instdiff_modules.training.dataset import open_picture, read_datasets
from instdiff.instdiff_modules.training.draws import SeededDraws
from instdiff.instdiff_modules.training.frames import Frame
from instdiff.instdiff_modules.training.items import make_item
from PIL import Image
from pycocotools.coco import COCO
from support.small_dataset import write_scenes
from support.training_inputs import EVERYTHING, LEAST, layout


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
