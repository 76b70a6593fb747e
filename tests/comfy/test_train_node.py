"""Train InstDiff, as ComfyUI runs it: in inference mode, with the demo model, resumed, cancelled, refused."""

import copy

import comfy.model_management
import folder_paths
import pytest
import torch
from instdiff.nodes.demo_model import InstDiffLoadDemoModel
from instdiff.nodes.train import InstDiffTrain
from PIL import Image
from support.small_dataset import write_scenes


@pytest.fixture(scope="module")
def demo():
    with torch.inference_mode():
        return InstDiffLoadDemoModel.execute().args


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    write_scenes(tmp_path / "scenes", 4)
    return "scenes"


def train(demo, folder, steps, **changes):
    model, clip, vae, weights = demo[:4]
    settings = {
        "vae": vae,
        "train": "fusers + ScaleU",
        "learning_rate": 1e-3,
        "batch_size": 1,
        "resolution": 256,
        "seed": 3,
        "instdiff_model": weights,
    }
    with torch.inference_mode():
        return InstDiffTrain.execute(model, clip, folder=folder, steps=steps, **{**settings, **changes}).args


def weights_of(instdiff_model):
    return {name: tensor.float().clone() for name, tensor in instdiff_model.state_dict().items()}


def test_a_training_changes_what_it_names_and_nothing_else(demo, scenes):
    before, base = weights_of(demo[3]), {k: v.clone() for k, v in demo[0].model.diffusion_model.state_dict().items()}
    trained, losses, report = train(demo, scenes, 2)
    after = weights_of(trained)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(".fuser." in name for name in changed) and any(name.startswith("scaleu") for name in changed)
    assert not any(name.startswith("position_net") for name in changed)
    assert all(torch.equal(before[name], value) for name, value in weights_of(demo[3]).items())
    assert all(torch.equal(base[name], value) for name, value in demo[0].model.diffusion_model.state_dict().items())
    assert losses.shape[0] == 1 and losses.shape[-1] == 3 and losses.min() < 0.9
    assert report.startswith("2 steps of 1 on 4 pictures, 0 held out.")


def test_more_steps_resume_and_fewer_do_not_take_what_lies_beyond(demo, scenes):
    assert "Resumed" not in train(demo, scenes, 1)[2]
    resumed, _, report = train(demo, scenes, 3)
    assert "Resumed after step 1." in report
    assert train(demo, scenes, 2)[2].startswith("2 steps")
    third, _, report = train(demo, scenes, 3)
    assert "Resumed after step 2." in report
    other, _, report = train(demo, scenes, 3, seed=4)
    assert "Resumed" not in report
    wanted = weights_of(resumed)
    assert all(torch.equal(value, wanted[name]) for name, value in weights_of(third).items())
    assert any(not torch.equal(value, wanted[name]) for name, value in weights_of(other).items())


def test_a_cancelled_training_keeps_what_was_done(demo, scenes, monkeypatch):
    asked = []

    def interrupted():
        asked.append(1)
        if len(asked) == 3:
            comfy.model_management.interrupt_current_processing()
        return len(asked) >= 3

    with monkeypatch.context() as patched:
        patched.setattr(comfy.model_management, "processing_interrupted", interrupted)
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            train(demo, scenes, 5)
    assert "Resumed after step 2." in train(demo, scenes, 3)[2]


def test_from_nothing_the_networks_have_the_bases_size(demo, scenes):
    trained, _, report = train(demo, scenes, 1, train="everything", instdiff_model=None, validation_split=0.5)
    assert trained.config.slots == 30 and trained.config.mid_dim == 512
    assert trained.widths == demo[3].widths and "held out" in report


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folder": "nowhere"}, "there is no folder 'nowhere'"),
        ({"folder": ""}, "there is no folder ''"),
        ({"folder": None}, "folder must be text, got None"),
        ({"train": "all"}, "train must be one of 'everything'"),
        ({"steps": 0}, "steps must be a whole number in 1..100000, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"instdiff_model": 3}, "Expected an INSTDIFF_MODEL, got a value of type int"),
        ({"vae": None}, "Expected a VAE, got nothing"),
        ({"folder": "a" * 5000}, "there is no folder 'aaa"),
        ({"folder": "~nobody/pictures"}, "there is no folder '~nobody"),
        ({"folder": "\0"}, "there is no folder"),
    ],
)
def test_odd_inputs_are_told_in_one_sentence(demo, scenes, changes, words):
    with pytest.raises(ValueError, match=r"\w+") as caught:
        train(demo, **{"folder": scenes, "steps": 1, **changes})
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_layouts_is_told(demo, scenes, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no picture with a layout"):
        train(demo, "empty", 1)
    one = InstDiffTrain.fingerprint_inputs(folder=scenes)
    (tmp_path / "scenes" / "scene000.json").write_text("{}", encoding="utf-8")
    assert InstDiffTrain.fingerprint_inputs(folder=scenes) != one and InstDiffTrain.fingerprint_inputs(folder=3) == ""


def test_a_vae_of_another_family_is_told(demo, scenes):
    wrong = copy.copy(demo[2])
    wrong.latent_channels = 16
    with pytest.raises(ValueError, match="latents of 16 channels, the base takes 4"):
        train(demo, scenes, 1, vae=wrong)


def test_odd_files_cost_themselves(demo, scenes, tmp_path, monkeypatch, caplog):
    """A link to nowhere, a picture of too many pixels, a layout without instances: for a base with prompts of its own width, too."""
    folder = tmp_path / scenes
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    assert InstDiffTrain.fingerprint_inputs(folder=scenes) and InstDiffTrain.fingerprint_inputs(folder="a" * 5000) == ""
    for i in (0, 1):
        (folder / f"scene00{i}.json").write_text('{"version": 1, "width": 256, "height": 256, "instances": []}')
    Image.new("1", (600, 600)).save(folder / "scene003.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    assert train(demo, scenes, 1, train="everything", batch_size=3)[2].startswith("1 steps of 3 on 3 pictures")
    assert "scene003.png is left out: scene003.png has more pixels than can be opened" in caplog.text
