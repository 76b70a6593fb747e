"""Made for the trainer: crops of instances, their captions, filters, and the folder that the trainer reads back."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from instdiff.instdiff_modules.geometry.masks import encode_mask
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.training import dataset_writer
from instdiff.instdiff_modules.training.config import parse_config
from instdiff.instdiff_modules.training.crops import GREY, caption_instances, crop_pictures
from instdiff.instdiff_modules.training.dataset import read_datasets
from instdiff.instdiff_modules.training.dataset_filters import Filters, filtered
from instdiff.instdiff_modules.training.dataset_writer import clean_name, dataset_folder, save_dataset
from PIL import Image


def mask(x0, y0, x1, y1, height=80, width=160):
    pixels = np.zeros((height, width), bool)
    pixels[y0:y1, x0:x1] = True
    return encode_mask(pixels)


FOX = Instance("fox", "fox", box=(0.25, 0.25, 0.5, 0.75), extra={"score": 0.9})
OWL = Instance("owl", "owl", mask=mask(120, 10, 150, 30))
DOT = Instance("dot", "a bee", point=(0.99, 0.99))
HIDDEN = Instance("ghost", "a ghost", box=(0, 0, 1, 1), visible=False)
SCENE = Layout((FOX, HIDDEN, OWL, DOT), 160, 80, "two animals")


def picture(seed=0, height=80, width=160):
    pixels = torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(seed))
    return pixels.float() / 255


def saved(folder, pictures, layouts, **more):
    return save_dataset(folder, pictures, layouts, **more)


def read_back(folder):
    """What the trainer finds in the folder, by name."""
    least = {"pretrained_model_name_or_path": "none", "output_dir": "none", "datasets": [{"image_dir": str(folder)}]}
    return {sample.name: sample for sample in read_datasets(parse_config(least))}


def test_a_crop_holds_its_instance_and_a_margin():
    image = picture()
    fox, owl, dot = crop_pictures([image], [SCENE], margin=0, min_side=1)
    assert torch.equal(fox.picture[0], image[20:60, 40:80]) and (fox.prompt, fox.id) == ("fox", "fox")
    assert torch.equal(owl.picture[0], image[10:30, 120:150])
    assert dot.picture.shape == (1, 1, 1, 3)
    wide = [one.picture.shape[1:3] for one in crop_pictures([image], [SCENE], margin=0.5, min_side=1)]
    assert wide == [(80, 80), (45, 55), (1, 1)]  # cut where the picture ends
    assert crop_pictures([image], [SCENE], min_side=64)[2].picture.shape == (1, 64, 64, 3)


def test_square_crops_reach_beyond_the_picture_with_grey_and_masks_cut_out_their_instance():
    image = picture()
    owl = crop_pictures([image], [SCENE], margin=0, min_side=1, square=True, grey=True)[1].picture[0]
    assert owl.shape == (30, 30, 3)
    assert torch.equal(owl[5:25], image[10:30, 120:150]) and (owl[:5] == GREY).all() and (owl[25:] == GREY).all()
    whole = Layout((Instance("all", "a view", box=(0, 0, 1, 1)),))
    padded = crop_pictures([image], [whole], margin=0, square=True)[0].picture[0]
    assert padded.shape == (160, 160, 3) and torch.equal(padded[40:120], image) and (padded[:40] == GREY).all()


def test_no_instances_give_one_grey_crop_and_take_its_caption_for_nothing():
    assert [one.id for one in crop_pictures([picture()], [Layout()])] == [""]
    assert caption_instances([(Layout(),)], ["a grey picture"]) == [(Layout(),)]
    mixed = crop_pictures([picture(), picture(1)], [Layout(), SCENE])
    assert [one.id for one in mixed] == ["fox", "owl", "dot"]


def test_captions_go_to_the_instances_of_the_crops_and_labels_stay_as_names():
    frames = [(SCENE, Layout()), (SCENE,)]
    captions = ["a red\nfox", "", "a bee on a flower", "a fox that\tsleeps", "an owl", "a bee"]
    (first, empty), (second,) = caption_instances(frames, captions)
    assert [one.prompt for one in first.instances] == ["a red fox", "a ghost", "owl", "a bee on a flower"]
    assert [one.prompt for one in second.instances] == ["a fox that sleeps", "a ghost", "an owl", "a bee"]
    assert empty == Layout() and first.instances[0].extra == {"score": 0.9, "category_name": "fox"}
    assert "category_name" not in second.instances[3].extra  # it says the same
    assert caption_instances([(SCENE,)], ["a\nb\nc"], keep_names=False)[0][0].instances[2] == replace(OWL, prompt="b")
    with pytest.raises(ValueError, match="2 captions for 3 visible instances"):
        caption_instances([(SCENE,)], ["a", "b"])


def test_filters_leave_out_what_is_unsure_small_double_or_too_much():
    def box(name, x0, side, score=None, **more):
        return Instance(
            name, name, box=(x0, 0, x0 + side, side), extra={} if score is None else {"score": score}, **more
        )

    given = Layout((
        box("sure", 0.0, 0.3, 0.9), box("same", 0.01, 0.3, 0.8), box("unsure", 0.5, 0.2, 0.1), box("drawn", 0.5, 0.2),
        box("speck", 0.9, 0.01), DOT, replace(OWL, parent="same"), replace(FOX, prompt=" "),
    ))  # fmt: skip
    kept, gone = filtered(given, Filters(max_overlap=0.7))
    assert [one.id for one in kept.instances] == ["sure", "drawn", "dot", "owl"] and kept.instances[-1].parent == ""
    assert gone == {"overlapping": 1, "below the score": 1, "too small": 1, "without a prompt": 1}
    everything = Filters(0, 0, 1, 1000)
    assert len(filtered(given, everything)[0].instances) == 7
    assert [one.id for one in filtered(given, replace(everything, most=2))[0].instances] == ["sure", "same"]


def test_overlap_of_masks_is_that_of_their_pixels():
    upper, lower = mask(0, 0, 160, 40), mask(0, 40, 160, 80)
    frame = np.zeros((80, 160), bool)
    frame[0], frame[-1] = True, True  # around the same box
    layout = Layout(tuple(Instance(str(i), "x", mask=one) for i, one in enumerate((upper, lower, encode_mask(frame)))))
    assert len(filtered(layout, Filters(max_overlap=0.5))[0].instances) == 3
    twice = Layout((*layout.instances, replace(layout.instances[0], id="again")))
    assert len(filtered(twice, Filters(max_overlap=0.5))[0].instances) == 3
    mixed = Layout((layout.instances[2], Instance("box", "x", box=(0, 0, 1, 1), extra={"score": 0.5})))
    assert [one.id for one in filtered(mixed, Filters(max_overlap=0.9))[0].instances] == ["2"]


def test_the_trainer_reads_what_is_saved(tmp_path):
    images = [picture(0), picture(1)]
    layouts = [SCENE, replace(SCENE, width=None, height=None, prompt="")]
    done = saved(tmp_path, images, layouts, captions=["", "an owl\nand a fox"], names=["a/b/Über.JPG", "x.y"])
    assert done.number == 2 and "Pictures: 2 written" in done.report and "2 hidden" in done.report
    found = read_back(tmp_path)
    assert set(found) == {"Über", "x.y"} and {found[name].layout.prompt for name in found} == {
        "two animals",
        "an owl and a fox",
    }
    layout = found["x.y"].layout
    assert layout.instances == (FOX, OWL, DOT) and (layout.width, layout.height) == (160, 80)
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "x.y.png")), (images[1].numpy() * 255).round().astype(np.uint8)
    )


def test_it_resumes_and_never_replaces_what_it_did_not_write(tmp_path):
    first = saved(tmp_path, [picture(0)], [SCENE])
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = saved(tmp_path, [picture(0), picture(1), picture(1)], [SCENE] * 3)
    assert (first.number, again.number) == (1, 3) and "1 written, 0 with a new layout, 2 already there" in again.report
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}.items()
    document = next(path for path in tmp_path.glob("*.json") if path.name in before)
    document.unlink()  # the run was killed between the two files
    assert "1 written" in saved(tmp_path, [picture(0)], [SCENE]).report and document.is_file()
    renewed = saved(tmp_path, [picture(0)], [Layout((FOX,))], renew=True)
    assert "1 with a new layout" in renewed.report and len(parse_layout(document.read_text()).instances) == 1
    (tmp_path / "cat.json").write_text("mine")
    Image.new("RGB", (8, 8)).save(tmp_path / "dog.png")
    (tmp_path / "owl.png").write_text("no picture")
    for _ in range(2):
        saved(tmp_path, [picture(7)] * 3, [SCENE] * 3, names=["cat", "dog.png", "owl"], renew=True)
    assert (tmp_path / "cat.json").read_text() == "mine" and Image.open(tmp_path / "dog.png").size == (8, 8)
    assert (tmp_path / "owl.png").read_text() == "no picture"
    assert sorted(path.name[:4] for path in tmp_path.glob("*-*.png")) == ["cat-", "dog-", "owl-"]
    assert not list(tmp_path.glob(".*")), "no unfinished file stays"


def test_one_bad_picture_costs_itself_and_a_warning(tmp_path, caplog):
    broken = picture(1)
    broken[3, 4] = float("nan")
    images = [picture(0), broken, picture(2, 80, 80), picture(3), picture(4)]
    done = saved(tmp_path, images, [SCENE, SCENE, SCENE, Layout(), SCENE])
    assert done.number == 2 and len(read_back(tmp_path)) == 2
    for words in (
        "Picture 2 is left out: it holds NaN",
        "Picture 3 is left out: it is 80x80",
        "Picture 4 is left out: none of its 0",
    ):
        assert words in done.report and words in caplog.text
    many = saved(tmp_path, [broken] * 15, [SCENE] * 15)
    assert many.number == 0 and many.report.endswith("5 more pictures are left out.")


@pytest.mark.parametrize("given, words", [
    ({"captions": ["a", "b"]}, "2 captions for 3 pictures"), ({"names": ["a"]}, "1 names for 3 pictures"),
    ({"captions": [3]}, "captions must be text"), ({"layouts": [SCENE]}, "3 pictures and 1 layouts"),
])  # fmt: skip
def test_numbers_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, given, words):
    layouts = given.pop("layouts", [SCENE] * 3)
    with pytest.raises(ValueError, match=words):
        saved(tmp_path, [picture()] * 3, layouts, **given)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence_and_what_was_saved_stays(tmp_path, monkeypatch):
    saved(tmp_path, [picture(0)], [SCENE])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ValueError, match=r"cannot be written: No space left on device\."):
        saved(tmp_path, [picture(1)], [SCENE])
    assert len(read_back(tmp_path)) == 1 and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "folder", ["..", "../x", "a/../../x", "/etc/x", "\\\\server\\x", "C:\\x", "~/x", "", " ", "./.", "a\0b"]
)
def test_folders_elsewhere_are_refused(tmp_path, folder):
    with pytest.raises(ValueError, match="is not a name for a folder in ComfyUI's output folder"):
        dataset_folder(tmp_path / "output", folder)
    assert not list(tmp_path.iterdir())


def test_folders_and_names_are_those_that_file_systems_take(tmp_path):
    root = tmp_path / "output"
    assert dataset_folder(root, "cats/of 2026?/") == root / "cats" / "of 2026_"
    assert len(dataset_folder(root, "ü" * 300).name.encode()) <= dataset_writer.MAX_NAME
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "file").write_text("")
    for name, words in (("link/x", "leads out"), ("file/x", "a file has this name"), ("file", "a file has this name")):
        with pytest.raises(ValueError, match=words):
            dataset_folder(root, name)
    names = {
        "../../cat.png": "cat",
        "con": "_con",
        "NUL.txt": "_NUL.txt",
        ".hidden": "hidden",
        'a<b>:"|?*': "a_b______",
        "x.webp": "x",
    }
    assert {name: clean_name(name) for name in names} == names


def test_fields_of_detections_survive(tmp_path):
    layout = Layout((replace(FOX, extra={"score": 0.5, "category_name": "dog"}),), extra={"source": "a detector"})
    saved(tmp_path, [picture()], [layout], names=["a"])
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert document["source"] == "a detector" and document["instances"][0]["category_name"] == "dog"
