"""Nodes called in process with anything at all, and the sentence that a call ends with."""

import dataclasses
import random

import folder_paths
import torch
from instdiff.instdiff_modules.layout.document import Layout
from instdiff.nodes import apply as apply_nodes
from instdiff.nodes import (
    apply_layout,
    arrange,
    conditioning,
    dataset,
    edit,
    editor,
    eligen_lora,
    empty_latent,
    instance_conditioning,
    keyframes,
    language,
    layout_io,
    load,
    load_checkpoint,
    other_packs,
    plausibility,
    preview,
    references,
    sampler,
    score,
)
from instdiff.nodes import instances as make
from support.valid_inputs import valid

NAN, INF = float("nan"), float("inf")
FILES = (
    load, editor, make, layout_io, arrange, other_packs, keyframes, edit, language, plausibility, preview, apply_nodes, apply_layout,
    conditioning, sampler, score, dataset, empty_latent, instance_conditioning, load_checkpoint, eligen_lora, references,
)  # fmt: skip
ALL_NODES = {n.GET_SCHEMA().node_id: n for file in FILES for n in file.NODES}


def own_folders(tmp_path, monkeypatch):
    """Output, temp and weights folders of the test's own; the weights are random bytes."""
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    (tmp_path / "weights").mkdir()
    for name in ("damaged.pth", "damaged.safetensors"):
        (tmp_path / "weights" / name).write_bytes(random.Random(0).randbytes(100_000))
    for folder in (load.FOLDER, eligen_lora.FOLDER, *load.PARTS.values()):
        place = (
            [] if folder in load.PARTS.values() else [str(tmp_path / "weights")],
            folder_paths.supported_pt_extensions,
        )
        monkeypatch.setitem(folder_paths.folder_names_and_paths, folder, place)


def run(node_id, **changes):
    with torch.inference_mode():
        return ALL_NODES[node_id].execute(**{**valid(node_id), **changes}).args


def complaint(call):
    """The sentence that a call ends with: a plain ValueError of one line that a person can read; "" if it works."""
    try:
        call()
    except ValueError as error:
        text = str(error)
        assert type(error) is ValueError and "\n" not in text and 20 < len(text) < 600 and text.endswith("."), text
        assert "NoneType" not in text and "object at 0x" not in text, text
        return text
    return ""


def snapshot(value):
    """All that could be changed in a value behind the back of its owner."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype, value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [snapshot(item) for item in value]
    if dataclasses.is_dataclass(value) and isinstance(value, Layout):
        return repr(dataclasses.asdict(value))
    if hasattr(value, "model_options"):
        parts = ("model_options", "attachments", "wrappers", "callbacks", "object_patches", "patches", "injections")
        return [snapshot(getattr(value, part)) for part in parts]
    return id(value) if callable(value) or not isinstance(value, (str, int, float, bool)) else value
