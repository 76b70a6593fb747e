"""The demo model's file: what is written is read, in half precision, and nothing else is taken for it."""

from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.shapeworld.demo_file import DemoFile, full_embedding, read_demo_file
from safetensors.torch import save_file
from support.write_demo_file import write_demo_file


def test_round_trip(tmp_path: Path) -> None:
    tensors = {
        "unet": {"a.b": torch.randn(2, 3)},
        "text": {"text_model.c": torch.randn(4)},
        "vae": {"d": torch.randn(1)},
    }
    config = {"unet": {"model_channels": 64}, "text": {}, "vae": {}, "vocabulary": [49406, 49407]}
    write_demo_file(tmp_path / "x.safetensors", DemoFile(tensors, config))
    read = read_demo_file(tmp_path / "x.safetensors")
    assert read.config == config and set(read.tensors) == set(tensors)
    assert read.tensors["unet"]["a.b"].dtype == torch.float16
    torch.testing.assert_close(read.tensors["unet"]["a.b"], tensors["unet"]["a.b"].half())


def test_unknown_words_share_a_row() -> None:
    rows = torch.arange(6.0).view(3, 2)
    full = full_embedding(rows, [320, 49407])
    assert full.shape == (49408, 2)
    assert (full[320] == rows[1]).all() and (full[49407] == rows[2]).all() and (full[5] == rows[0]).all()
    with pytest.raises(ValueError, match="Expected 2 rows"):
        full_embedding(rows, [320])


@pytest.mark.parametrize("change, words", [
    ({"unet": "x"}, "unet"), ({"vae": None}, "vae"), ({"instdiff": [1]}, "instdiff"), ({"vocabulary": None}, "vocabulary"),
    ({"vocabulary": [49408]}, "vocabulary"), ({"vocabulary": [-1]}, "vocabulary"), ({"vocabulary": ["a"]}, "vocabulary"),
], ids=str)  # fmt: skip
def test_a_configuration_of_another_kind_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    tensors = {part: {"a": torch.zeros(1)} for part in ("unet", "text", "vae", "instdiff")}
    config = {"unet": {}, "text": {}, "vae": {}, "instdiff": {}, "vocabulary": [49406]}
    write_demo_file(tmp_path / "x.safetensors", DemoFile(tensors, {**config, **change}))
    with pytest.raises(ValueError, match=f"lacks its {words}: install the pack again"):
        read_demo_file(tmp_path / "x.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    for name, words in (
        ("other", "not an InstDiff demo model"),
        ("broken", "cannot be read"),
        ("missing", "cannot be read"),
    ):
        with pytest.raises(ValueError, match=words):
            read_demo_file(tmp_path / f"{name}.safetensors")
