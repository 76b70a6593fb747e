"""Every wrong weights file is refused in one sentence that names it, what was found and what was expected."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.shapes import missing_places, read_config
from support.checkpoint_keys import Sizes, instdiff_shapes, official_shapes, unet_shapes
from support.checkpoints import random_tensors, refused, save_split, save_tensors, save_torch, split_contents

SMALL = instdiff_shapes()
# One key of each kind: keys that differ in numbers only are alike.
KINDS_OF_KEY = list({re.sub(r"\d+", "#", key): key for key in SMALL}.values())


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """All 1199 keys of the authors' UNet at small sizes."""
    return random_tensors(official_shapes())


@pytest.fixture(scope="module")
def ours(tensors) -> dict[str, torch.Tensor]:
    return {key: tensors[key] for key in SMALL}


# Damaged and incomplete files


@pytest.mark.parametrize("index", range(3))
def test_a_missing_part_is_named(tmp_path, ours, index):
    paths = save_split(tmp_path, ours)
    lacking = ["the fusers", "the tokenizer", "ScaleU"][index]
    refused(paths[:index] + paths[index + 1 :], f"but not {lacking}", paths[index - 1].name, paths[index].name)
    others = [name for i, name in enumerate(["the fusers", "the tokenizer", "ScaleU"]) if i != index]
    text = refused(paths[index], paths[index].name)
    assert all(name in text.split("but not")[1] for name in others)


def test_the_same_part_twice_is_refused(tmp_path, ours):
    paths = save_split(tmp_path, ours)
    again = shutil.copy(paths[0], tmp_path / "fusers2.ckpt")
    refused([*paths, Path(again)], "fusers.ckpt", "fusers2.ckpt", "both hold")


@pytest.mark.parametrize("key", KINDS_OF_KEY)
def test_every_single_missing_key_is_noticed(key):
    shapes = {name: shape for name, shape in SMALL.items() if name != key}
    with pytest.raises(ValueError, match=r"file\.pth"):
        read_config(shapes, "file.pth")


@pytest.mark.parametrize("key", [*KINDS_OF_KEY, *(f"scaleu_b_{i}" for i in range(12))])
def test_every_single_wrong_shape_is_noticed(key):
    for change in ((*SMALL[key], 3), tuple(size + 1 for size in SMALL[key]) or (1,)):
        with pytest.raises(ValueError, match=r"file\.pth"):
            read_config(SMALL | {key: change}, "file.pth")


@pytest.mark.parametrize(
    "place",
    [
        "input_blocks.1.1",
        "input_blocks.5.1",
        "middle_block.1",
        "output_blocks.3.1",
        "output_blocks.7.1",
        "output_blocks.11.1",
    ],
)
def test_a_missing_fuser_is_noticed_with_and_without_the_unet(tmp_path, tensors, place):
    kept = {key: value for key, value in tensors.items() if not (key.startswith(f"{place}.") and "fuser" in key)}
    refused(save_tensors(tmp_path / "full.safetensors", kept), "full.safetensors", place)
    refused(
        save_tensors(tmp_path / "own.safetensors", {key: kept[key] for key in kept if key in SMALL}),
        "own.safetensors",
        "fusers",
    )


def test_missing_places_of_sd15():
    inputs, outputs = [1, 2, 4, 5, 7, 8], list(range(3, 12))
    assert missing_places(inputs, outputs, 12) == []
    assert missing_places([1, 2, 4, 7, 8], outputs, 12) == ["input_blocks.5.1"]
    assert missing_places(inputs, [3, 4, 6, 7, 8, 9, 10, 11], 12) == ["output_blocks.5.1"]
    assert missing_places([1, 3], [0, 1, 2, 3], 4) == []
    assert missing_places([], [], 0) is None
    assert missing_places(inputs, outputs[1:], 12) is None
    assert missing_places(inputs, [*outputs, 12], 12) is None


def test_numbers_in_keys_cannot_make_us_build_a_giant():
    for key in (
        "position_net.convnext_tiny_backbone.stages.0.999999999.gamma",
        "position_net.convnext_tiny_backbone.stages.999999999.0.gamma",
        "scaleu_b_999999999",
        "output_blocks.999999999.1.transformer_blocks.0.fuser.linear.weight",
    ):
        with pytest.raises(ValueError, match=r"file\.pth"):
            read_config(SMALL | {key: (4,)}, "file.pth")


def test_parts_of_different_models_are_refused(tmp_path, ours):
    other = random_tensors(instdiff_shapes(Sizes(channels=16)))
    contents = split_contents(ours) | {"scaleu.ckpt": split_contents(other)["scaleu.ckpt"]}
    refused(
        [save_torch(tmp_path / name, content) for name, content in contents.items()], "scaleu_b_", "different models"
    )
    other = random_tensors(instdiff_shapes(Sizes(context=24)))
    contents = split_contents(ours) | {"position_net.ckpt": split_contents(other)["position_net.ckpt"]}
    refused(
        [save_torch(tmp_path / name, content) for name, content in contents.items()],
        "[8, 16]",
        "[8, 24]",
        "different models",
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, ours, value):
    spoilt = ours["scaleu_b_3"].clone()
    spoilt[1] = value
    refused(
        save_tensors(tmp_path / "a.safetensors", ours | {"scaleu_b_3": spoilt}), "a.safetensors", "scaleu_b_3", "NaN"
    )


def test_integer_weights_are_refused(tmp_path, ours):
    path = save_tensors(tmp_path / "a.safetensors", ours | {"scaleu_s_0": torch.ones(1, dtype=torch.int8)})
    refused(path, "a.safetensors", "scaleu_s_0", "int8", "float32")


def test_a_bare_list_of_another_length_is_refused(tmp_path, ours):
    contents = split_contents(ours, lists=True)
    contents["fusers.ckpt"]["input_blocks"].pop()
    refused(
        [save_torch(tmp_path / name, content) for name, content in contents.items()],
        "fusers.ckpt",
        "lists 5",
        "expected 6",
    )


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".ckpt"])
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.1, 0.5, 0.999])
def test_truncated_files_are_refused(tmp_path, ours, suffix, share):
    path = tmp_path / f"a{suffix}"
    if suffix == ".safetensors":
        save_tensors(path, ours)
    else:
        save_torch(path, ours, _use_new_zipfile_serialization=suffix == ".pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, f"a{suffix}", "expected" if share < 0.00001 else "a")


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (b"", "empty"),
        (os.urandom(5000).replace(b"{", b"x"), "no known kind"),
        (b"<!DOCTYPE html><html>Google Drive</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "git-lfs pointer"),
        (b"hello there " * 9, "text file"),
        (b"PK\x03\x04" + bytes(400), "incomplete"),
        (b"\x80\x02" + bytes(range(256)), "torch file"),
        (b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":1}        ', "safetensors"),
        (b"GGUF" + bytes(300), "GGUF"),
    ],
    ids=["empty", "random", "html", "lfs", "text", "zip", "pickle", "safetensors", "gguf"],
)
def test_files_that_are_no_weights_are_refused(tmp_path, content, piece):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content if piece != "no known kind" else b"\x01" + content[1:])
    refused(path, "a.safetensors", piece)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pickletools, about escapes in the random text
def test_random_bytes_behind_every_magic_are_refused(tmp_path):
    generator = torch.Generator().manual_seed(0)
    path = tmp_path / "a.bin"
    for head in (b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\x40\x00\x00\x00\x00\x00\x00\x00{", b""):
        for _ in range(40):
            path.write_bytes(head + bytes(torch.randint(0, 256, (3000,), generator=generator).tolist()))
            refused(path, "a.bin")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    refused(tmp_path / "gone.pth", "gone.pth", "No such file")
    refused(tmp_path, tmp_path.name, "cannot be read")
    refused([], "No weights file")


def test_a_zip_without_a_pickle_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    refused(tmp_path / "a.pth", "a.pth", "data.pkl")


# Checkpoints of another kind

KINDS = {
    "Stable Diffusion": [f"model.diffusion_model.{key}" for key in unet_shapes()]
    + ["first_stage_model.decoder.conv_in.weight"],
    "SDXL": [
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
        "model.diffusion_model.label_emb.0.0.weight",
        "model.diffusion_model.input_blocks.1.0.in_layers.0.weight",
    ],
    "LoRA": [
        "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight",
        "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight",
    ],
    "ControlNet": ["control_model.input_blocks.1.0.in_layers.0.weight", "control_model.zero_convs.0.0.weight"],
    "GLIGEN": [
        "position_net.linears.0.weight",
        "position_net.null_positive_feature",
        "input_blocks.1.1.transformer_blocks.0.fuser.linear.weight",
    ],
    "VAE": ["encoder.conv_in.weight", "decoder.conv_in.weight", "post_quant_conv.weight"],
    "embedding": ["emb_params"],
    "Flux": ["double_blocks.0.img_attn.qkv.weight"],
    "IP-Adapter": ["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_another_kind_of_checkpoint_is_told(tmp_path, kind, suffix):
    content = {key: torch.zeros(2) for key in KINDS[kind]}
    path = tmp_path / f"other{suffix}"
    if suffix == ".safetensors":
        save_tensors(path, content)
    else:
        save_torch(path, {"state_dict": content, "global_step": 3})
    refused(path, f"other{suffix}", kind, "expected", "entries such as")


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, torch.zeros(3), "text", {}, {"ema": 3, "model": "x"}])
def test_a_torch_file_without_tensors_is_refused(tmp_path, content):
    refused(save_torch(tmp_path / "a.pth", content), "a.pth", "no InstanceDiffusion weights")
