"""Load EliGen LoRA: every form of the files gives the same MODEL; what does not fit is refused by name."""

import folder_paths
import pytest
import torch
from instdiff.instdiff_modules.regions.eligen_keys import layer_count
from instdiff.nodes.eligen_lora import InstDiffLoadEliGen
from safetensors.torch import save_file
from support.closeness import assert_close
from support.eligen_files import RANK, file_of
from support.region_models import conditioning, noise, tiny_model
from support.region_runs import FOX, apply, frames, sample


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", ([str(tmp_path)], {".safetensors", ".pt"}))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path


def load(folder, family, weights, strength=1.0):
    save_file(weights, folder / "eligen.safetensors")
    return InstDiffLoadEliGen.execute(tiny_model(family), "eligen.safetensors", strength).args[0]


@pytest.mark.parametrize("family, styles", [("FLUX.1", ("", "default.", "kohya")), ("Qwen-Image", ("", "default."))])
def test_every_form_of_the_file_gives_the_same_model(folder, family, styles):
    start, text = noise(family), conditioning(family, "a lake")
    pictures = []
    for style in styles:
        model = load(folder, family, file_of(family, style))
        assert sum(map(len, model.patches.values())) == layer_count(file_of(family, style))
        pictures.append(sample(family, model, text, start, steps=1))
    for other in pictures[1:]:
        assert_close(other, pictures[0])
    assert (pictures[0] - sample(family, tiny_model(family), text, start, steps=1)).abs().max() > 1e-2
    assert (
        pictures[0] - sample(family, load(folder, family, file_of(family, ""), 0.5), text, start, steps=1)
    ).abs().max() > 1e-3


def test_apply_layout_takes_the_model_and_a_second_lora_adds_up(folder):
    model = load(folder, "FLUX.1", file_of("FLUX.1", ""))
    again = InstDiffLoadEliGen.execute(model, "eligen.safetensors", 1.0).args[0]
    assert all(len(patches) == 2 for patches in again.patches.values()) and all(
        len(p) == 1 for p in model.patches.values()
    )
    applied = apply("FLUX.1", frames(FOX), model, method="EliGen")
    assert torch.isfinite(sample("FLUX.1", *applied, noise("FLUX.1"), steps=1)).all()


def test_strength_0_leaves_the_model_as_it_is(folder):
    assert not load(folder, "FLUX.1", file_of("FLUX.1", ""), 0.0).patches


def test_what_does_not_fit_is_refused(folder):
    weights = file_of("FLUX.1", "default.")
    with pytest.raises(
        ValueError, match=r"0 of the 7 layers of 'eligen.safetensors' fit the Qwen-Image MODEL\. Choose"
    ):
        load(folder, "Qwen-Image", weights)
    with pytest.raises(ValueError, match=r"7 of the 8 layers"):
        load(folder, "FLUX.1", {**weights, "blocks.9.ff_a.0.lora_A.default.weight": torch.zeros(4, 4)})
    with pytest.raises(ValueError, match=r"0 of the 0 layers"):
        load(folder, "FLUX.1", {"a": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"EliGen exists for FLUX\.1 and Qwen-Image, the MODEL is of kind Chroma"):
        load(folder, "Chroma", weights)
    name, other = "blocks.0.attn.a_to_qkv.lora_B.default.weight", torch.randn(7, RANK)
    with pytest.raises(ValueError, match=r"6 of the 7 layers"):
        load(folder, "FLUX.1", {**weights, name: other})  # of another size, which ComfyUI would leave out as it samples
    (folder / "eligen.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"eligen\.safetensors cannot be read"):
        InstDiffLoadEliGen.execute(tiny_model("FLUX.1"), "eligen.safetensors", 1.0)
    (folder / "eligen.pt").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"eligen\.pt cannot be read"):
        InstDiffLoadEliGen.execute(tiny_model("FLUX.1"), "eligen.pt", 1.0)
    for content in ([torch.ones(1)], None, {1: torch.ones(1)}, {"a.lora_A.weight": "x", "a.lora_B.weight": 5}):
        torch.save(content, folder / "eligen.pt")
        with pytest.raises(ValueError, match=r"eligen\.pt cannot be read|0 of the 0 layers"):
            InstDiffLoadEliGen.execute(tiny_model("FLUX.1"), "eligen.pt", 1.0)
    message = InstDiffLoadEliGen.validate_inputs("gone.safetensors")
    assert "is not in models/loras" in message and len(message) < 300


def test_a_damaged_layer_is_refused_by_name_and_what_is_no_layer_costs_nothing(folder):
    """ComfyUI would fail with a word of Python's, leave the layer out as it samples, or paint black."""
    layer = "lora_unet_double_blocks_0_img_attn_qkv"
    down, up, alpha = (f"{layer}.{part}" for part in ("lora_down.weight", "lora_up.weight", "alpha"))
    weights = file_of("FLUX.1", "kohya")
    for changes, said in (
        ({down: None}, "is half missing"),
        ({alpha: torch.ones(2)}, "has 2 numbers as its alpha"),
        ({alpha: torch.tensor(torch.nan)}, "holds NaN"),
        ({up: torch.full_like(weights[up], torch.inf).half()}, "holds NaN or infinite"),
        ({up: torch.ones(96, RANK - 1)}, r"has factors of shapes \(96, 3\) and \(4, 32\)"),
        ({up: torch.tensor(1.0)}, "has factors of shapes"),
        ({up: weights[up].to(torch.int8)}, "has numbers of type int8"),
        ({f"{layer}.lora_mid.weight": torch.ones(5, 1)}, "has a part lora_mid.weight"),
    ):
        damaged = {key: value for key, value in {**weights, **changes}.items() if value is not None}
        with pytest.raises(ValueError, match=f"its layer {layer} {said}") as refused:
            load(folder, "FLUX.1", damaged)
        assert len(str(refused.value)) < 300
    for kind in (torch.float16, torch.float8_e4m3fn):
        more = {**{key: value.to(kind) for key, value in weights.items()}, "epoch": torch.ones(1, dtype=torch.int64)}
        assert len(load(folder, "FLUX.1", more).patches) == layer_count(weights)
