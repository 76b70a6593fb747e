"""A CLIP for tests that measure with one."""

import json
from pathlib import Path

import torch


def write_small_clip(folder: Path) -> Path:
    """A tiny CLIP of random weights, saved as transformers saves the real one; the folder."""
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        CLIPTokenizer,
    )  # seconds, and few tests need it

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **sizes,
        "vocab_size": len(pieces),
        "bos_token_id": len(pieces) - 2,
        "eos_token_id": len(pieces) - 1,
        "pad_token_id": len(pieces) - 1,
    }
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(text_config=text, vision_config={**sizes, "image_size": 32, "patch_size": 8}, projection_dim=8)
    ).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder
