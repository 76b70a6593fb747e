"""The demo model's one file: networks of all kinds in half precision, and their sizes in its metadata.

Keys: `unet.` (ComfyUI's UNetModel), `text.` (CLIP's text model; its embedding has a row for unknown words, then one for
each number in the metadata's `vocabulary`), `vae.` (AutoencoderKL), and `instdiff.` (the authors' names), which a file
of the base alone lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..layout.json_text import load_json

FORMAT, VERSION = "instdiff-demo", "1"
PARTS, OURS = ("unet", "text", "vae"), "instdiff"
VOCABULARY_SIZE = 49408  # of the stock SD1 tokenizer
EMBEDDING = "text_model.embeddings.token_embedding.weight"


@dataclass(frozen=True)
class DemoFile:
    """tensors: part -> names -> weights. config: `unet`, `text`, `vae` (keyword arguments), `instdiff` (InstDiffConfig's
    fields, if the part is there) and `vocabulary` (token numbers of the embedding's rows 1, 2, ...)."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    config: Mapping[str, Any]


def read_demo_file(path: Path) -> DemoFile:
    """Raises ValueError with what to do if the file is missing, damaged or something else."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION):
                raise ValueError(
                    f"{path.name} is not an InstDiff demo model of version {VERSION}: install the pack again."
                )
            flat = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"The demo model {path.name} cannot be read, it is missing or damaged: install the pack again."
        ) from error
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, value in flat.items():
        part, _, name = key.partition(".")
        tensors.setdefault(part, {})[name] = value
    try:
        config = load_json(metadata.get("config", ""), "Its configuration")
    except ValueError as error:
        raise ValueError(f"The demo model {path.name} cannot be read: install the pack again. {error}") from error
    sizes = config if isinstance(config, dict) else {}
    parts = (*PARTS, *(part for part in (OURS,) if part in tensors))
    lacking = [part for part in parts if part not in tensors or not isinstance(sizes.get(part), dict)]
    if lacking:
        raise ValueError(f"The demo model {path.name} lacks its {lacking[0]}: install the pack again.")
    words = sizes.get("vocabulary")
    if not isinstance(words, list) or not all(type(word) is int and 0 <= word < VOCABULARY_SIZE for word in words):
        raise ValueError(f"The demo model {path.name} lacks its vocabulary: install the pack again.")
    return DemoFile(tensors, config)


def full_embedding(rows: Tensor, vocabulary: list[int]) -> Tensor:
    """rows (1 + n, width) -> (49408, width): the row of every known token, and row 0 for all others."""
    if len(rows) != len(vocabulary) + 1:
        raise ValueError(f"Expected {len(vocabulary) + 1} rows of embeddings, got {len(rows)}.")
    full = rows[:1].repeat(VOCABULARY_SIZE, 1)
    full[vocabulary] = rows[1:]
    return full
