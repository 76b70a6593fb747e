"""A whole training with ComfyUI's own model: the demo's, on scenes of its world."""

import logging

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.files import write_checkpoint
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from instdiff.instdiff_modules.training import command
from instdiff.instdiff_modules.training.beginning import build, describe
from instdiff.instdiff_modules.training.config import parse_config
from instdiff.instdiff_modules.training.dataset import read_datasets
from instdiff.instdiff_modules.training.samples import Samples
from instdiff.instdiff_modules.training.team import Team
from instdiff.nodes.demo_model import DEMO_FILE, load_instdiff
from instdiff.nodes.model import build_instdiff_model
from instdiff.nodes.training_base import load_base
from PIL import Image
from support.small_dataset import write_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder / "square", 6)
    write_scenes(folder / "wide", 2, 320, 192)
    return folder


def config(data, out, **changes):
    return parse_config(
        {
            "pretrained_model_name_or_path": str(DEMO_FILE),
            "output_dir": str(out),
            "cache_dir": str(data / "cache"),
            "mask_backbone": "small",
            "mid_dim": 32,
            "slots": 8,
            "resolution": 256,
            "min_bucket_reso": 128,
            "max_bucket_reso": 512,
            "max_train_steps": 2,
            "datasets": [{"image_dir": str(data / "square")}, {"image_dir": str(data / "wide"), "held_out": True}],
            **changes,
        }
    )


def test_a_training_gives_a_file_that_is_loaded_and_goes_on_from_its_cache(data, tmp_path, capsys, caplog):
    encoded = []

    def loaded(path, settings, team):
        base = load_base(path, settings, team)
        encode = base.encode_picture
        base.encode_picture = lambda pixels: (encoded.append(pixels.shape), encode(pixels))[1]
        return base

    path = command.train(config(data, tmp_path), loaded, Team())
    assert sorted(set(encoded)) == [(192, 320, 3), (256, 256, 3)] and len(encoded) == 16  # as they are and mirrored
    checkpoint = read_checkpoint([path])
    assert checkpoint.config.slots == 8 and checkpoint.config.mid_dim == 32
    assert build_instdiff_model(checkpoint).source == "instdiff.safetensors"
    rows = (tmp_path / "instdiff-losses.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "1", "2", "2"]
    (data / "square" / "scene000.png").write_bytes((data / "square" / "scene000.png").read_bytes()[:200])
    command.train(config(data, tmp_path, max_train_steps=3), loaded, Team())
    assert len(encoded) == 16 and "Resumes after step 2." in capsys.readouterr().out
    assert "scene000.png is left out" in caplog.text
    assert (tmp_path / "instdiff-losses.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="of other parts or sizes"):
        command.train(config(data, tmp_path, mid_dim=16), loaded, Team())


def held_out_loss(settings):
    """At a time step where the caption has told the background, and only the layout can tell the places."""
    team = Team()
    base = load_base(settings.path(settings.pretrained_model_name_or_path), settings, team)
    net = build(settings, base)
    samples = Samples(settings, base, read_datasets(settings), net.config.slots)
    samples.prepare(lambda *_: None, team)
    trainer = command.make_trainer(settings, base, net, samples, team)
    losses = [trainer.loss(batch._replace(t=torch.full_like(batch.t, 850))).item() for batch in samples.held_out()]
    return sum(losses) / len(losses)


def test_the_demo_models_own_weights_see_the_layouts_of_a_dataset(data, tmp_path):
    """If anything between picture and loss were off, the weights would not know what they were trained for."""
    weights = tmp_path / "demo.safetensors"
    write_checkpoint(weights, load_instdiff(read_demo_file(DEMO_FILE), "demo").state_dict(), {})
    given = {
        "datasets": [{"image_dir": str(data / "wide")}, {"image_dir": str(data / "square"), "held_out": True}],
        "caption_dropout_rate": 0.0,
        **dict.fromkeys(("drop_box", "drop_point", "drop_scribble", "drop_mask"), 0.0),
    }
    as_trained = {
        **given,
        "drop_scribble": 1.0,
        "drop_mask": 1.0,
    }  # a box brings its point; all four at once they never saw
    with_boxes, with_all = (
        held_out_loss(config(data, tmp_path, network_weights=str(weights), drop_all=0.0, **formats))
        for formats in (as_trained, given)
    )
    without = held_out_loss(config(data, tmp_path, network_weights=str(weights), drop_all=1.0, **given))
    untrained = held_out_loss(config(data, tmp_path, drop_all=0.0, **given))
    assert with_boxes < 0.35 * min(without, untrained) and with_all < 0.6 * min(without, untrained)


def test_a_dry_run_says_what_would_be_trained(data, tmp_path):
    settings = config(data, tmp_path, train_parts=["fusers", "scaleu"])
    said = describe(settings, load_base(DEMO_FILE, settings, Team()))
    for part in ("fusers, scaleu, ", "held out", "Sizes: 256x256", "Steps: 2, 2 samples", "million parameters, frozen"):
        assert part in said
    assert not list(tmp_path.iterdir())


def test_bases_that_cannot_be_trained_are_refused(data, tmp_path):
    with pytest.raises(ValueError, match="There is no base model"):
        load_base(tmp_path / "none.safetensors", config(data, tmp_path), Team())
    torch.save({"a": torch.zeros(2)}, tmp_path / "odd.ckpt")
    with pytest.raises(ValueError, match=r"odd\.ckpt"):
        load_base(tmp_path / "odd.ckpt", config(data, tmp_path), Team())


@pytest.fixture(autouse=True)
def _warnings_are_seen(caplog):
    caplog.set_level(logging.WARNING)


def test_pictures_are_drawn_and_scored_while_it_runs(data, tmp_path):
    weights = tmp_path / "demo.safetensors"
    write_checkpoint(weights, load_instdiff(read_demo_file(DEMO_FILE), "demo").state_dict(), {})
    settings = config(
        data,
        tmp_path,
        network_weights=str(weights),
        datasets=[{"image_dir": str(data / "wide")}, {"image_dir": str(data / "square"), "held_out": True}],
        max_train_steps=1,
        learning_rate=1e-6,
        sample_every_n_steps=1,
        sample_count=3,
        sample_steps=12,
        guidance_scale=3.0,
        score_detector="shapeworld",
    )
    command.train(settings, load_base, Team())
    head, row = (tmp_path / "instdiff-scores.csv").read_text().splitlines()
    scores = dict(zip(head.split(","), row.split(","), strict=True))
    assert float(scores["success"]) > 0.3 and float(scores["color_acc"]) > 0.5
    with Image.open(tmp_path / "sample" / "instdiff-step00000001.png") as sheet:
        assert sheet.size == (768, 256)
