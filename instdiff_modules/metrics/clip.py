"""Local CLIP score, with a CLIP model that the user has: transformers' files in a folder. Nothing is downloaded."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError

from ..geometry.masks import pixel_range
from ..layout.instance import Box

UNUSABLE = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, EOFError, pickle.UnpicklingError)


class LocalClip:
    """CLIP of a folder, as `CLIPModel.save_pretrained` and `CLIPProcessor.save_pretrained` write it.

    The paper crops the place of each instance (its given box) and takes the cosine between the crop's and the prompt's
    features; the authors' script does so with OpenCLIP's ViT-L/14 (laion2b-s32b-b82k).
    """

    def __init__(self, folder: str | Path, device: str | torch.device = "cpu") -> None:
        """ValueError in one sentence if transformers or the files are missing."""
        folder = Path(folder)
        try:
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError, TypeError) as error:
            raise ValueError(f"The device {str(device)[:60]!r} cannot be used: expected cpu, or a GPU that PyTorch sees.") from error  # fmt: skip
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"There is no CLIP model in {folder}: expected config.json, the weights, and the tokenizer's and image processor's "
                "files, as transformers saves them."
            )
        try:
            from transformers import CLIPModel, CLIPProcessor  # takes seconds to import, and few runs need it
        except ImportError as error:
            raise ValueError(
                f"The local CLIP score needs transformers ({error}): python -m pip install transformers."
            ) from error
        try:
            model: Any = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
            self.model = model.to(device)
            self.processor = CLIPProcessor.from_pretrained(folder, local_files_only=True)
        except (*UNUSABLE, SafetensorError) as error:
            raise ValueError(
                f"The CLIP model in {folder} cannot be loaded: its files are damaged, incomplete, or not transformers' files of a CLIP."
            ) from error

    def similarity(self, pictures: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        """Cosines of pictures (H, W, 3) uint8 and texts -> (pictures, texts) float32, -1..1. Texts are cut at 77 tokens."""
        images = [Image.fromarray(picture) for picture in pictures]
        longest = self.model.config.text_config.max_position_embeddings
        given = self.processor(
            text=list(texts), images=images, return_tensors="pt", padding=True, truncation=True, max_length=longest
        )
        with torch.inference_mode():
            out = self.model(**given.to(self.model.device))
        image, text = (v / v.norm(dim=-1, keepdim=True) for v in (out.image_embeds.float(), out.text_embeds.float()))
        return (image @ text.T).cpu().numpy()

    def score(self, picture: np.ndarray, boxes: Sequence[Box], prompts: Sequence[str]) -> list[float]:
        """Local CLIP score of each instance: cosine of the crop of its box (0..1) and its prompt."""
        if not boxes:
            return []
        return np.diag(self.similarity([crop(picture, box) for box in boxes], prompts)).tolist()

    def choose(self, picture: np.ndarray, boxes: Sequence[Box], options: Sequence[str]) -> list[str]:
        """For each box the one of the words whose "a {word} object" is nearest to its crop, as the authors' script tests attributes."""
        if not boxes:
            return []
        scores = self.similarity([crop(picture, box) for box in boxes], [f"a {word} object" for word in options])
        return [options[int(i)] for i in scores.argmax(1)]


def crop(picture: np.ndarray, box: Box) -> np.ndarray:
    """The part of a picture (H, W, 3) in a box (0..1), at least one pixel."""
    height, width = picture.shape[:2]
    return picture[slice(*pixel_range(box[1], box[3], height)), slice(*pixel_range(box[0], box[2], width))]
