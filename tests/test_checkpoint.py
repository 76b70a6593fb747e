"""Every layout of weights file is read, by content, and our own is written whole or not at all."""

import os
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.checkpoint import reading as module
from instdiff.instdiff_modules.checkpoint.reading import assemble, read_checkpoint, write_checkpoint
from instdiff.instdiff_modules.checkpoint.shapes import read_config
from instdiff.instdiff_modules.shapeworld.demo_file import read_demo_file
from safetensors import safe_open
from support.checkpoint_keys import (
    CASE5,
    CHECKSUM,
    FULL,
    Sizes,
    checksum,
    instdiff_shapes,
    official_shapes,
    unet_shapes,
)
from support.checkpoints import (
    assert_same,
    diffusers_content,
    meta_tensors,
    official_content,
    omegaconf_like,
    random_tensors,
    refused,
    save_split,
    save_tensors,
    save_torch,
    split_contents,
)

SMALL = instdiff_shapes()
DEMO = Path(__file__).resolve().parent.parent / "instdiff_modules" / "shapeworld" / "demo_model.safetensors"


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """All 1199 keys of the authors' UNet at small sizes."""
    return random_tensors(official_shapes())


@pytest.fixture(scope="module")
def ours(tensors) -> dict[str, torch.Tensor]:
    return {key: tensors[key] for key in SMALL}


# The table itself


def test_the_full_size_table_is_the_authors():
    shapes = official_shapes(FULL)
    assert len(shapes) == 1199 and len(unet_shapes(FULL)) == 686 and len(instdiff_shapes(FULL)) == 513
    assert checksum(shapes) == CHECKSUM


@pytest.mark.parametrize("layout", ["authors", "diffusers", "split", "ours"])
def test_every_layout_at_full_size_gives_the_official_names_and_sizes(layout):
    tensors = meta_tensors(official_shapes(FULL))
    ours = {key: tensors[key] for key in instdiff_shapes(FULL)}
    contents = {
        "authors": {"a.pth": official_content(tensors)},
        "diffusers": {"unet.bin": diffusers_content(tensors)},
        "split": split_contents(tensors),
        "ours": {"a.safetensors": ours},
    }[layout]
    found = assemble({Path(name): content for name, content in contents.items()})
    assert {key: tuple(value.shape) for key, value in found.items()} == instdiff_shapes(FULL)
    assert all(found[key] is ours[key] for key in ours)
    config = read_config(instdiff_shapes(FULL), "file")
    assert (config.slots, config.text_dim, config.mid_dim, config.out_dim) == (30, 768, 3072, 768)
    assert config.decoder_channels == (1280,) * 7 + (640,) * 3 + (320,) * 2
    assert list(config.fuser_dims.items())[:2] == [("input_blocks.1.1", 320), ("input_blocks.2.1", 320)]
    assert list(config.fuser_dims)[6] == "middle_block.1" and list(config.fuser_dims)[-1] == "output_blocks.11.1"
    assert (config.depths, config.dims) == ((3, 3, 9, 3), (96, 192, 384, 768))


def test_the_goldens_reduced_model_is_read():
    assert sum(torch.Size(shape).numel() for shape in official_shapes(CASE5).values()) == 43167741
    config = read_config(instdiff_shapes(CASE5), "file")
    assert (config.mid_dim, config.decoder_channels[0], config.fuser_dims["output_blocks.9.1"]) == (64, 128, 32)


def test_a_unet_of_two_levels_with_one_block_is_read():
    """Sizes, depths and the number of blocks come from the keys: the diffusers port's names too."""
    shapes = {
        key: shape
        for key, shape in instdiff_shapes(Sizes(depths=(1, 2, 1, 1))).items()
        if "fuser" not in key and "scaleu" not in key
    }
    fuser = {key.split("fuser.")[1]: shape for key, shape in SMALL.items() if key.startswith("input_blocks.1.1.")}
    places = {
        "input_blocks.1.1": "down_blocks.0.attentions.0",
        "input_blocks.3.1": "down_blocks.1.attentions.0",
        "middle_block.1": "mid_block.attentions.0",
    }
    places |= {f"output_blocks.{i}.1": f"up_blocks.{i // 2}.attentions.{i % 2}" for i in range(4)}
    shapes |= {f"scaleu_b_{i}": (8,) for i in range(4)} | {f"scaleu_s_{i}": (1,) for i in range(4)}
    shapes |= {
        f"{place}.transformer_blocks.0.fuser.{leaf}": shape
        for place in places.values()
        for leaf, shape in fuser.items()
    }
    found = assemble({Path("unet.bin"): meta_tensors(shapes)})
    config = read_config({key: tuple(value.shape) for key, value in found.items()}, "unet.bin")
    assert config.fuser_dims == dict.fromkeys(places, 8) and config.depths == (1, 2, 1, 1)


# Files


@pytest.mark.parametrize("ema", [True, False])
def test_the_authors_file_is_read_ema_first(tmp_path, tensors, ours, ema):
    with omegaconf_like() as config:
        path = save_torch(tmp_path / "weights.pth", official_content(tensors, ema, config))
    read = read_checkpoint([path])
    assert_same(read.tensors, ours)
    assert read.source == "weights.pth" and read.config.slots == 5
    assert "omegaconf" not in sys.modules


def test_ema_without_our_weights_falls_back_to_model(tmp_path, tensors, ours):
    content = official_content(tensors, ema=False) | {"ema": {key: tensors[key] for key in unet_shapes()}}
    assert_same(read_checkpoint([save_torch(tmp_path / "a.pth", content)]).tensors, ours)


def test_a_file_of_torch_before_1_6_is_read(tmp_path, tensors, ours):
    with omegaconf_like() as config:
        content = official_content(tensors, config=config)
        path = save_torch(tmp_path / "a.pth", content, _use_new_zipfile_serialization=False)
    assert_same(read_checkpoint([path]).tensors, ours)


def test_a_recompressed_torch_file_is_read(tmp_path, ours):
    plain = save_torch(tmp_path / "plain.pth", ours)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    assert_same(read_checkpoint([tmp_path / "a.pth"]).tensors, ours)


@pytest.mark.parametrize("options", [{"index": str}, {"index": int}, {"lists": True}], ids=["str", "int", "list"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_three_files_are_read_in_any_order(tmp_path, tensors, ours, options, order):
    paths = save_split(tmp_path, tensors, **options)
    assert_same(read_checkpoint([paths[i] for i in order]).tensors, ours)


def test_three_files_that_number_the_fusers_from_zero(tmp_path, ours):
    contents = split_contents(ours, lists=True)
    contents["fusers.ckpt"] = {
        part: {str(i): b for i, b in enumerate(blocks)} for part, blocks in contents["fusers.ckpt"].items()
    }
    paths = [save_torch(tmp_path / name, content) for name, content in contents.items()]
    assert_same(read_checkpoint(paths).tensors, ours)


@pytest.mark.parametrize("name", ["unet.bin", "unet.safetensors"])
def test_the_diffusers_port_is_read(tmp_path, tensors, ours, name):
    content = diffusers_content(tensors)
    path = (save_tensors if name.endswith("safetensors") else save_torch)(tmp_path / name, content)
    assert_same(read_checkpoint([path]).tensors, ours)


def test_one_shard_brings_its_siblings(tmp_path, tensors, ours):
    content = diffusers_content(tensors)
    keys = sorted(content)
    names = [f"unet-{i:05}-of-00003.safetensors" for i in (1, 2, 3)]
    for name, part in zip(
        names,
        (
            keys[:600],
            [k for k in keys[600:] if "fuser" not in k and "scaleu" not in k and "position" not in k],
            keys[600:],
        ),
        strict=True,
    ):
        save_tensors(tmp_path / name, {key: content[key] for key in part})
    (tmp_path / names[2]).unlink()
    refused(tmp_path / names[0], names[2], "3 files")
    rest = [key for key in keys[600:] if any(piece in key for piece in ("fuser", "scaleu", "position"))]
    save_tensors(tmp_path / names[2], {key: content[key] for key in rest})
    assert_same(read_checkpoint([tmp_path / names[1]]).tensors, ours)


def test_the_content_counts_and_not_the_name(tmp_path, tensors, ours):
    torch_file = save_torch(tmp_path / "a.safetensors", official_content(tensors))
    old_torch_file = save_torch(tmp_path / "b.safetensors", ours, _use_new_zipfile_serialization=False)
    safetensors_file = save_tensors(tmp_path / "a.pth", ours)
    three = save_split(tmp_path, tensors)
    for path, name in zip(three, ("scaleu.bin", "fusers.pt", "x.safetensors"), strict=True):
        path.rename(tmp_path / name)
    for paths in (
        [torch_file],
        [old_torch_file],
        [safetensors_file],
        [tmp_path / "scaleu.bin", tmp_path / "fusers.pt", tmp_path / "x.safetensors"],
    ):
        assert_same(read_checkpoint(paths).tensors, ours)


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", "module.", "unet.", "state_dict.model."])
def test_prefixes_are_tolerated(tmp_path, tensors, ours, prefix):
    path = save_tensors(tmp_path / "a.safetensors", {prefix + key: value for key, value in tensors.items()})
    assert_same(read_checkpoint([path]).tensors, ours)


def test_our_own_file_comes_back_bit_for_bit(tmp_path, ours):
    path = tmp_path / "new" / "folder" / "a.safetensors"
    write_checkpoint(path, ours, {"source": "weights.pth"})
    assert_same(read_checkpoint([path]).tensors, ours)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        assert metadata.pop("fusers").split()[:3] == ["input_blocks.1.1", "input_blocks.2.1", "input_blocks.4.1"]
        assert metadata == {"format": "instdiff", "version": "1", "source": "weights.pth", "dtype": "float32"}
        assert set(file.keys()) == set(SMALL)
    assert os.listdir(path.parent) == ["a.safetensors"]


def test_a_saved_file_knows_its_fusers_though_the_unet_is_of_another_kind(tmp_path):
    """The demo model's UNet has levels of uneven depth, which no rule about SD1.5 foresees."""
    ours = read_demo_file(DEMO).tensors["instdiff"]
    path = tmp_path / "demo.safetensors"
    write_checkpoint(path, ours, {})
    assert_same(read_checkpoint([path]).tensors, ours)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    for place in ("input_blocks.4.1", "middle_block.1", "output_blocks.4.1"):
        kept = {key: value for key, value in ours.items() if not key.startswith(f"{place}.")}
        refused(save_tensors(path, kept, **metadata), "demo.safetensors", f"none at {place}")


def test_a_failed_write_leaves_nothing_and_the_old_file_stays(tmp_path, ours, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, ours, {})
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"scaleu_s_0": torch.zeros(1)}, {})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.safetensors"]


def test_a_version_of_the_future_is_refused(tmp_path, ours):
    path = save_tensors(tmp_path / "a.safetensors", ours, format="instdiff", version="2")
    refused(path, "a.safetensors", "version 2", "expected version 1")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes_stay_as_stored(tmp_path, ours, dtype):
    path = save_tensors(tmp_path / "a.safetensors", {key: value.to(dtype) for key, value in ours.items()})
    assert {value.dtype for value in read_checkpoint([path]).tensors.values()} == {dtype}


def test_double_becomes_single_and_mixed_dtypes_are_reported(tmp_path, ours, caplog):
    mixed = {key: value.double() if "fuser" in key else value.half() for key, value in ours.items()}
    with caplog.at_level("INFO"):
        read = read_checkpoint([save_torch(tmp_path / "a.pth", mixed)])
    assert read.tensors["input_blocks.1.1.transformer_blocks.0.fuser.alpha_attn"].dtype == torch.float32
    assert read.tensors["scaleu_b_0"].dtype == torch.float16
    assert "mixed dtypes" in caplog.text and "272 x float32" in caplog.text


def test_parameters_and_views_are_read_and_own_their_memory(tmp_path, ours):
    big = torch.randn(100, 2)
    content = {key: torch.nn.Parameter(value) for key, value in ours.items()} | {"scaleu_b_11": big[10:18, 1]}
    path = save_torch(tmp_path / "a.pth", content)
    read = read_checkpoint([path])
    assert_same(read.tensors, {**ours, "scaleu_b_11": big[10:18, 1].clone()})
    path.write_bytes(b"")  # the file may be replaced while the model is in use
    assert all(value.is_contiguous() and not value.requires_grad for value in read.tensors.values())
    assert read.tensors["scaleu_b_11"].untyped_storage().nbytes() == 8 * 4


def test_only_our_tensors_are_copied_from_a_big_file(tmp_path, ours, monkeypatch):
    """The UNet in the file is mapped, not read: reading asks memory for our tensors only."""
    path = save_torch(tmp_path / "a.pth", {"ema": ours | {"input_blocks.0.0.weight": torch.zeros(1 << 20)}})
    copied = []
    own = module._own
    monkeypatch.setattr(module, "_own", lambda key, *rest: copied.append(key) or own(key, *rest))
    read_checkpoint([path])
    assert sorted(copied) == sorted(SMALL)


def test_additional_tensors_are_left_out_with_a_warning(tmp_path, ours, caplog):
    read = read_checkpoint([save_tensors(tmp_path / "a.safetensors", ours | {"position_net.extra": torch.zeros(1)})])
    assert_same(read.tensors, ours)
    assert "position_net.extra" in caplog.text
