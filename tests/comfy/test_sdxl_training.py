"""SDXL: trained around its UNet, loaded again, applied to it."""

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint, write_checkpoint
from instdiff.instdiff_modules.training import command
from instdiff.instdiff_modules.training.beginning import build
from instdiff.instdiff_modules.training.config import parse_config
from instdiff.instdiff_modules.training.team import Team
from instdiff.nodes.apply import ApplyInstDiff
from instdiff.nodes.model import build_instdiff_model
from instdiff.nodes.training_base import base_of
from support.small_dataset import write_scenes
from support.small_pack import FOX, frames
from support.small_sdxl import parts, sample
from support.tiny_sdxl import tiny_clip, tiny_sdxl, tiny_vae


@pytest.fixture(scope="module", params=["first block", "every block"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdxl")
    write_scenes(folder / "square", 2)
    write_scenes(folder / "wide", 2, 320, 192)
    config = parse_config(
        {
            "pretrained_model_name_or_path": "tiny", "output_dir": str(folder), "cache_dir": str(folder / "cache"),
            "fusers": request.param, "mask_backbone": "small", "mid_dim": 32, "slots": 8, "resolution": 128, "min_bucket_reso": 64,
            "max_bucket_reso": 256, "train_batch_size": 2, "max_train_steps": 3, "learning_rate": 1e-3,
            "gradient_checkpointing": True, "sample_every_n_steps": 3, "sample_count": 1, "sample_steps": 2,
            "datasets": [{"image_dir": str(folder / name)} for name in ("square", "wide")],
        }
    )  # fmt: skip
    model, clip, vae = tiny_sdxl(), tiny_clip(), tiny_vae()

    def load(*_):
        return base_of(model, clip, vae, torch.device("cpu"), torch.float32)

    return command.train(config, load, Team()), folder, 11 if request.param == "first block" else 28


def test_a_training_gives_a_file_that_apply_takes(trained):
    path, folder, fusers = trained
    checkpoint = read_checkpoint([path])
    gates = [value for name, value in checkpoint.tensors.items() if name.endswith("alpha_attn")]
    assert len(gates) == fusers and all(gate != 0 for gate in gates)  # they have learned
    assert list((folder / "sample").glob("*.png"))
    model, clip, _, _ = parts()
    with torch.inference_mode():
        made = build_instdiff_model(checkpoint, torch.float32)
        patched = ApplyInstDiff.execute(model, clip, made, frames(FOX), strength=1.0, start=0.0, end=1.0).args[0]
    assert 0 < (sample(patched) - sample(model)).abs().max()


def test_a_training_goes_on_from_its_file_with_its_own_fusers(trained, tmp_path):
    path, _, fusers = trained
    _, _, base, _ = parts()
    given = {
        "pretrained_model_name_or_path": "tiny",
        "output_dir": str(tmp_path),
        "network_weights": str(path),
        "datasets": [{"image_dir": "."}],
    }
    assert len(build(parse_config(given), base).adapter.fusers()) == fusers
    every = parse_config({**given, "fusers": "every block"})
    if fusers == 28:
        assert len(build(every, base).adapter.fusers()) == fusers
    else:
        with pytest.raises(ValueError, match='fusers in the first block of each stack, but fusers is "every block"'):
            build(every, base)


def test_a_fuser_that_is_missing_within_a_stack_is_named(trained, tmp_path):
    path, _, fusers = trained
    checkpoint = read_checkpoint([path])
    if fusers > 11:
        left = {name: t for name, t in checkpoint.tensors.items() if "middle_block.1.transformer_blocks.1." not in name}
        write_checkpoint(tmp_path / "gap.safetensors", left, {})
        with pytest.raises(
            ValueError, match=r"lacks \d+ of the \d+ tensors .*middle_block\.1\.transformer_blocks\.1\.fuser"
        ):
            read_checkpoint([tmp_path / "gap.safetensors"])
