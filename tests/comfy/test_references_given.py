"""Apply References: which pictures and inputs are taken, read how often, and what is refused."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace

import folder_paths
import numpy as np
import pytest
import torch
from instdiff.nodes.reference_files import Files, read_reference
from instdiff.nodes.references import InstDiffApplyReferences
from PIL import Image
from support.other_models import other_model
from support.region_models import tiny_model
from support.small_pack import FOX, FakeClip, FakeVae, base, noise
from support.small_references import VAE, difference, frames, pictures, refer, sample


def test_pictures_of_the_layout_come_from_the_input_folder_alone(tmp_path, monkeypatch):
    folder = tmp_path / "input"
    (folder / "instdiff").mkdir(parents=True)
    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(folder))
    noisy = (pictures()[0].numpy() * 255).astype(np.uint8)
    Image.fromarray(noisy).save(folder / "instdiff" / "cat.png")
    Image.fromarray(noisy).save(tmp_path / "secret.png")
    (folder / "no.png").write_bytes(b"not a picture")
    grey = (noisy[..., 0].astype(np.uint16) * 257) // 2
    Image.fromarray(grey).save(folder / "sixteen.png")
    Image.fromarray(grey.astype(np.float32)).save(folder / "float.tiff")
    exif, photo = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = 6, "abc"
    Image.fromarray(noisy).save(photo, "JPEG", exif=exif)
    (folder / "photo.jpg").write_bytes(photo.getvalue())
    assert read_reference("photo.jpg", "").shape == (40, 40, 3)
    odd = bytearray(photo.getvalue())
    odd[odd.index(b"Exif") + 17] = 1  # the camera's name is the height
    (folder / "odd.jpg").write_bytes(odd)
    assert np.allclose(read_reference("sixteen.png", "").numpy(), grey[..., None] / 65535, atol=1 / 255)
    cat = replace(FOX, reference="instdiff/cat.png")
    given = {"strength": 1.0, "start": 0.0, "end": 1.0}
    named = InstDiffApplyReferences.execute(base()[0], FakeClip(), FakeVae(), frames(cat), **given).args[0]
    assert difference(sample(named, noise()), sample(base()[0], noise())) > 1e-3
    for name, said in (
        ("instdiff/dog.png", "there is no 'instdiff/dog.png' in ComfyUI's input folder"),
        ("no.png", "cannot be read as a picture"),
        ("instdiff", "cannot be read as a picture"),
        ("float.tiff", "cannot be read as a picture"),
        ("odd.jpg", "cannot be read as a picture"),
        ("../secret.png", "lies outside"),
        (str(tmp_path / "secret.png"), "lies outside"),
        ("..\\secret.png", "lies outside"),
        ("a\0b", "lies outside"),
        ("secret.png [output]", "there is no"),
    ):
        with pytest.raises(ValueError, match="Instance 1") as refused:
            read_reference(name, "Instance 1")
        assert said in str(refused.value) and len(str(refused.value)) < 300
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="lies outside"):
        read_reference("link.png", "Instance 1")


def test_a_file_that_changes_makes_the_node_run_again(tmp_path):
    path, files = tmp_path / "cat.png", Files()
    path.write_bytes(b"one")
    assert files.fingerprint() == files.fingerprint()
    files.noted(path)
    before = files.fingerprint()
    assert files.fingerprint() == before
    path.write_bytes(b"another")
    assert files.fingerprint() != before


def test_a_picture_is_encoded_once_for_a_vae():
    vae = FakeVae()
    for instance in (FOX, replace(FOX, box=(0.0, 0.0, 0.5, 0.5))):
        given = {"strength": 1.0, "start": 0.0, "end": 1.0, "images": pictures(), "of": "a"}
        InstDiffApplyReferences.execute(base()[0], FakeClip(), vae, frames(instance), **given)
    assert vae.encoded == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": SimpleNamespace()}, "Expected a MODEL"),
        ({"vae": FakeVae(16)}, "expected a VAE with latents of 4 channels, got 16"),
        ({"strength": 3.0}, "strength must lie in 0..2, got 3"),
        ({"start": 0.6, "end": 0.6}, "start below end"),
        ({"images": pictures(2)}, "2 images are connected and `of` names 1"),
        ({"of": "cat"}, "there is no instance 'cat'"),
        ({"images": torch.zeros(3, 8, 8)}, "expected images of shape"),
        ({"images": torch.full((1, 8, 8, 3), torch.nan)}, "NaN"),
        ({"images": torch.zeros(1, 8, 8, 3, dtype=torch.uint8)}, "floats in 0..1, got (1, 8, 8, 3) of torch.uint8"),
        ({"vae": FakeVae(scale=torch.inf)}, "The latent of a reference picture holds NaN"),
        ({"images": pictures(2), "of": "a, 1"}, "two images are for the same instance, '1'"),
        ({"of": "a" * 999}, "there is no instance"),
        ({"of": "a, a"}, "1 image is connected and `of` names 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_with_one_sentence(given, said):
    inputs = {"model": base()[0], "clip": FakeClip(), "vae": VAE, "instances": frames(FOX), "images": pictures()}
    inputs |= {"strength": 1.0, "start": 0.0, "end": 1.0, "of": "a", **given}
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        InstDiffApplyReferences.execute(**inputs)
    assert len(str(refused.value)) < 300 and "\n" not in str(refused.value)


def test_a_model_without_a_unet_is_refused():
    with pytest.raises(ValueError, match=r"needs a model with a UNet .* got one of kind Flux"):
        refer(frames(FOX), other_model("Flux"))
    wide = tiny_model("SDXL")
    with pytest.raises(ValueError, match="expected a CLIP whose prompts have width"):
        refer(frames(FOX), wide)
