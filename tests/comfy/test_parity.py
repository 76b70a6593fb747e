"""The comparison with the authors' implementation, on the selection of recorded tensors that lies in the repository."""

import json
import shutil
from pathlib import Path

import parity
import pytest
from safetensors.torch import load_file, save_file
from support.pack import ROOT

GOLDENS = ROOT / "tests" / "data" / "goldens"
MANIFESTS = sorted(path.stem for path in GOLDENS.glob("*.json"))


def copy_of(manifest: str, folder: Path) -> Path:
    for name in (f"{manifest}.json", f"{manifest}.safetensors"):
        shutil.copy(GOLDENS / name, folder / name)
    return folder / f"{manifest}.json"


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_we_compute_what_the_authors_code_computes(manifest, tmp_path):
    copy_of(manifest, tmp_path)
    if manifest == "case6_sampling":  # its model is described by the manifest of case 5
        path = copy_of("case5_unet", tmp_path)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"cases": []}))
    if manifest in ("case12_eligen_lora", "case13_eligen_trajectory"):  # on the models of these
        for base in ("case10_eligen_flux", "case11_eligen_qwen"):
            path = copy_of(base, tmp_path)
            path.write_text(json.dumps(json.loads(path.read_text()) | {"cases": []}))
    if manifest == "t3_training":  # its batches are items of that manifest
        items = copy_of("t1_dataset", tmp_path)
        content = json.loads(items.read_text())
        used = {
            name
            for case in json.loads((tmp_path / "t3_training.json").read_text())["cases"]
            for step in case["steps"]
            for name in step["inputs"]["items"]
        }
        items.write_text(json.dumps(content | {"cases": [case for case in content["cases"] if case["id"] in used]}))
    rows = list(parity.check(tmp_path))
    assert len(rows) >= len(json.loads((GOLDENS / f"{manifest}.json").read_text()).get("cases", [0]))
    assert [row for row in rows if not row[4]] == []


def test_a_wrong_number_fails(tmp_path, capsys):
    path = copy_of("case1_fourier", tmp_path)
    tensors = load_file(path.with_suffix(".safetensors"))
    tensors["boxes/out"][0, 0, 0] += 1e-3
    save_file(tensors, path.with_suffix(".safetensors"))
    assert parity.main(str(tmp_path)) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_manifest_says_which_tokens_it_holds(tmp_path):
    path = copy_of("case4_fuser", tmp_path)
    manifest, tensors = json.loads(path.read_text()), load_file(path.with_suffix(".safetensors"))
    entry = next(entry for entry in manifest["cases"] if "note" not in entry["outputs"]["y"])
    output = entry["outputs"]["y"]
    tensors[output["tensor"]] = tensors[output["tensor"]][:, ::7].contiguous()
    save_file(tensors, path.with_suffix(".safetensors"))
    manifest["cases"] = [entry]
    path.write_text(json.dumps(manifest))
    assert parity.main(str(tmp_path)) == 1
    output["note"] = "every 7th visual token"
    path.write_text(json.dumps(manifest))
    assert parity.main(str(tmp_path)) == 0


def test_an_entry_that_is_not_understood_fails(tmp_path):
    path = copy_of("case1_fourier", tmp_path)
    path.write_text(path.read_text().replace('"inputs":{"x"', '"inputs":{"z"', 1))
    assert parity.main(str(tmp_path)) == 1


def test_a_manifest_that_is_not_known_fails(tmp_path):
    path = copy_of("case1_fourier", tmp_path)
    for file in (path, path.with_suffix(".safetensors")):
        file.rename(file.with_stem("case99_new"))
    assert parity.main(str(tmp_path)) == 1


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(SystemExit, match="found none"):
        parity.main(str(tmp_path))
