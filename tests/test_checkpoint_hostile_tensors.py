"""Weights files whose tensors and names are not what they say are answered at once, in one short sentence."""

import zipfile
from collections.abc import Iterator

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint, write_checkpoint
from support.at_once import at_once, refused_soon
from support.checkpoint_keys import instdiff_shapes
from support.checkpoints import assert_same, random_tensors, refused, save_tensors, save_torch, split_contents


@pytest.fixture(scope="module")
def ours() -> dict[str, torch.Tensor]:
    return random_tensors(instdiff_shapes())


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    with at_once():
        yield


# Tensors that are not what they say


ODD = {
    "sparse": lambda: torch.eye(8).to_sparse(), "csr": lambda: torch.eye(8).to_sparse_csr(), "meta": lambda: torch.empty(10**12, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(2)]), "quantised": lambda: torch.quantize_per_tensor(torch.zeros(8), 1.0, 0, torch.qint8),
    "8 GB": lambda: torch.zeros(1).expand(2 * 10**9), "60 GB": lambda: torch.zeros(1).expand(15 * 10**9),
    "complex": lambda: torch.zeros(8, dtype=torch.complex64), "float8": lambda: torch.zeros(8).to(torch.float8_e4m3fn),
    "conjugate": lambda: torch.zeros(8, dtype=torch.complex64).conj().imag, "a number": lambda: 3, "nothing": lambda: None,
    "text": lambda: "x", "empty": lambda: torch.zeros(0), "a number alone": lambda: torch.tensor(1.0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # torch's own, about kinds of tensors that it is to lose
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_a_tensor_of_another_kind_is_named(tmp_path, ours, name, legacy):
    odd, save = ODD[name](), {"_use_new_zipfile_serialization": not legacy}
    text = refused_soon(save_torch(tmp_path / "a.pth", ours | {"scaleu_b_3": odd}, **save), "a.pth", "scaleu_b_3")
    assert name not in ("sparse", "meta", "nested", "quantised") or f"is a {name} tensor" in text
    assert "GB" not in name or f"claims {'7.5' if name == '8 GB' else '55.9'} GB of which 4 bytes are stored" in text
    key = "input_blocks.1.1.transformer_blocks.0.fuser.linear.bias"
    refused_soon(save_torch(tmp_path / "b.pth", ours | {key: odd}, **save), "b.pth")
    refused_soon(save_torch(tmp_path / "c.pth", {"ema": odd, "model": odd, "state_dict": odd}, **save), "c.pth")
    refused_soon(save_torch(tmp_path / "d.pth", odd, **save), "d.pth")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ODD if name != "text"])
@pytest.mark.parametrize("part", ["input_blocks", "middle_block", "output_blocks"])
def test_fusers_of_a_wrong_type_are_named(tmp_path, ours, part, name):
    odd, fusers = ODD[name](), split_contents(ours)["fusers.ckpt"]
    index = next(iter(fusers[part]))
    for content in (
        odd,
        [odd],
        {index: odd},
        {index: {"state": odd}},
        {"x": {}},
        {0: {}, "x": {}},
        {10**9: {}},
        {index * 90: fusers[part][index]},
    ):
        refused_soon(save_torch(tmp_path / "fusers.ckpt", fusers | {part: content}), "fusers.ckpt")


def test_a_tensor_whose_data_is_not_there_is_named(tmp_path, ours):
    source = save_torch(tmp_path / "a.pth", ours)
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(tmp_path / "b.pth", "w") as target:
        for entry in archive.infolist():
            if not entry.filename.endswith("/data/7"):
                target.writestr(entry.filename, archive.read(entry))
    refused_soon(tmp_path / "b.pth", "has no data in the file")


def test_many_tensors_of_one_packed_storage_are_not_unpacked_one_by_one(tmp_path, ours):
    """A storage of 30 MB, packed to 30 KB, of which each of 500 tensors wants the end."""
    big = torch.zeros(8 * 10**6)
    content = {key: big[-value.numel() :].view(value.shape) for key, value in ours.items()}
    with (
        zipfile.ZipFile(save_torch(tmp_path / "a.pth", content)) as archive,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in archive.infolist():
            target.writestr(entry.filename, archive.read(entry))
    refused_soon(tmp_path / "b.pth", "far more than it stores")
    assert_same(read_checkpoint([tmp_path / "a.pth"]).tensors, content)


def test_sizes_beyond_any_model_are_refused_before_a_network_is_built(tmp_path, ours):
    wide = ours | {"position_net.linears_list.0.2.weight": torch.zeros(10**6, 1, dtype=torch.float16)}
    refused_soon(save_tensors(tmp_path / "a.safetensors", wide), "linears_list.0.2.weight", "far beyond any model")
    gain = torch.zeros(1)
    stage = "position_net.convnext_tiny_backbone.stages"
    for more in (
        {f"scaleu_b_{i}": gain for i in range(5000)},
        {f"{stage}.0.{i}.gamma": gain for i in range(5000)},
        {f"{stage}.{i}.0.gamma": gain for i in range(5000)},
        {f"output_blocks.{i}.1.transformer_blocks.0.fuser.alpha_attn": gain for i in range(3, 5000)},
    ):
        refused_soon(save_torch(tmp_path / "a.pth", more | ours), "a.pth")


# Names and places that are not what they say


@pytest.mark.parametrize(
    "name", ["m-00000-of-00000.pth", "m-00003-of-00002.pth", "m-00000-of-00002.safetensors", "m-00001-of-99999.pth"]
)
def test_numbers_of_shards_that_cannot_be_true(tmp_path, ours, name):
    refused_soon(save_torch(tmp_path / name, ours), name, f" of {int(name[11:16])} ")


def test_foreign_names_leave_a_sentence_short(tmp_path, ours):
    """Long names of files and keys, every kind of complaint in which they stand."""
    long, spoilt = "n" * 240, ours["scaleu_b_3"] * float("nan")
    key = "input_blocks.1.1.transformer_blocks.0.fuser." + "\n\u202e" * 60
    sd = {f"model.diffusion_model.input_blocks.1.1.{'x' * 300}{i}": torch.zeros(1) for i in range(9)}
    linear = "position_net.convnext_tiny_backbone.downsample_layers.0.0.weight"
    for content in (
        sd, sd | {"position_net." + "y" * 400: torch.zeros(1)}, ours | {key: torch.zeros(1), "scaleu_b_3": spoilt},
        ours | {linear: torch.zeros(65536, 65536, 0, 1)},
        ours | {linear: torch.zeros(8, 3, 4, 5)}, ours | {linear: torch.eye(8).to_sparse()}, ours | {linear: torch.zeros(8, 3, 4, 4, dtype=torch.int32)},
        {"input_blocks": {long * 9: {}}}, {k: v for k, v in ours.items() if "output" not in k}, {k: v for k, v in ours.items() if k != linear},
        {}, {long: {long: 3}},
        ours | {f"output_blocks.{i}.1.transformer_blocks.0.attn1.to_q.weight": torch.zeros(1) for i in range(12, 40)},
    ):  # fmt: skip
        refused_soon(save_torch(tmp_path / f"{long}.pth", content), "nnnn")
        refused_soon(save_torch(tmp_path / f"{long}.pth", content, _use_new_zipfile_serialization=False), "nnnn")
    (tmp_path / f"{long}.pth").write_bytes(b"what")
    refused_soon(tmp_path / f"{long}.pth", "nnnn")
    paths = [save_torch(tmp_path / f"{long}{i}.pth", part) for i, part in enumerate(split_contents(ours).values())]
    text = refused([paths[0], paths[1], paths[1].rename(tmp_path / f"{long}4.pth")][:2], "nnnn")
    assert len(text) < 300
    assert_same(read_checkpoint([paths[0], tmp_path / f"{long}4.pth", paths[2]]).tensors, ours)


def test_places_that_a_file_of_ours_claims_are_held_against_it(tmp_path, ours):
    fuser = {key.partition("fuser.")[2]: value for key, value in ours.items() if key.startswith("input_blocks.1.1.")}
    many = {
        f"input_blocks.{i}.1.transformer_blocks.0.fuser.{leaf}": value.clone()
        for i in range(1, 30)
        for leaf, value in fuser.items()
    }
    for tensors, fusers in (
        (ours, ""), (ours, "x y \n z"), (ours, "input_blocks.99.1"), (ours, "middle_block.1 " * 10**5), (ours, "input_blocks.999999999.1 " * 1000),
        (many | ours, "middle_block.1"), (many | ours, "input_blocks.2.1"),
        ({key: value for key, value in ours.items() if "middle" not in key}, "input_blocks.1.1"),
    ):  # fmt: skip
        path = save_tensors(tmp_path / "a.safetensors", tensors, format="instdiff", version="1", fusers=fusers)
        try:
            assert set(read_checkpoint([path]).tensors) >= set(ours)
        except ValueError as error:
            assert "a.safetensors" in str(error) and len(str(error)) < 300 and str(error).isprintable()


def test_what_we_write_is_read_whatever_its_header_s_length(tmp_path, ours):
    residues = set()
    for length in range(0, 256, 8):
        path = tmp_path / "a.safetensors"
        write_checkpoint(path, ours, {"source": "x" * length})
        residues.add(path.read_bytes()[0])
        if path.read_bytes()[0] % 64 == 0:
            assert_same(read_checkpoint([path]).tensors, ours)
    assert residues == set(range(0, 256, 8))
