"""Latents and text features on the disk: made once, whole or not at all, and taken again only if they are of the same things."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .base import DOWNSCALE, LATENT_CHANNELS, Base
from .buckets import Size
from .dataset import Sample, open_picture
from .frames import Frame
from .states import whole_file

_log = logging.getLogger(__name__)
CLIP_TOKENS = 77
Told = Callable[[str, int, int], None]  # what, how many are done, of how many


class Latents:
    """The latents of pictures, each in its size, as they are and mirrored."""

    def __init__(self, folder: Path, base: Base, flipped: bool) -> None:
        self.folder, self.base, self.ways = folder / "latents", base, (False, True) if flipped else (False,)

    def prepare(self, samples: Sequence[tuple[Sample, Size]], told: Told) -> None:
        """Encode what is not there yet. A picture that does not open is passed over with a warning."""
        for done, (sample, size) in enumerate(samples):
            told("latents", done, len(samples))
            if self._missing(sample, size) and (pixels := self._pixels(sample, size)):
                self._encode(sample, size, pixels)
        told("latents", len(samples), len(samples))

    def has(self, sample: Sample, size: Size) -> bool:
        return not self._missing(sample, size)

    def of(self, sample: Sample, size: Size, flipped: bool) -> Tensor:
        """(4, h, w) float32."""
        with safe_open(self._path(sample, size), "pt") as file:
            return file.get_tensor("flipped" if flipped else "plain")

    def _missing(self, sample: Sample, size: Size) -> bool:
        shape = [LATENT_CHANNELS, size[1] // DOWNSCALE, size[0] // DOWNSCALE]
        try:
            with safe_open(self._path(sample, size), "pt") as file:
                names = set(file.keys())
                wanted = {"flipped" if way else "plain" for way in self.ways}
                return not wanted <= names or any(file.get_slice(name).get_shape() != shape for name in wanted)
        except (OSError, SafetensorError):
            return True

    def _pixels(self, sample: Sample, size: Size) -> dict[str, Tensor] | None:
        """(H, W, 3) in 0..1, as it is and mirrored; None, after a warning, of a picture that does not open to its end."""
        frame = Frame(sample.width, sample.height, *size)
        try:
            with open_picture(sample) as picture:
                shown = picture.convert("RGB")
        except (OSError, SyntaxError, ValueError) as error:  # SyntaxError is Pillow's word for a broken PNG
            _log.warning("%s is left out: the picture does not open (%s).", sample.picture.name, error)
            return None
        pixels = {way: replace(frame, flipped=way).pixels(shown).astype(np.float32) / 255 for way in self.ways}
        return {"flipped" if way else "plain": torch.from_numpy(values) for way, values in pixels.items()}

    def _encode(self, sample: Sample, size: Size, pixels: Mapping[str, Tensor]) -> None:
        encoded = {name: self.base.encode_picture(values) for name, values in pixels.items()}
        latents = {name: latent.float().cpu().contiguous() for name, latent in encoded.items()}
        with whole_file(self._path(sample, size), f"the latent of {sample.name}") as unfinished:
            save_file(latents, unfinished)

    def _path(self, sample: Sample, size: Size) -> Path:
        """The name says of which picture, as it was when it was encoded, in which size and by which encoder."""
        about = sample.picture.stat()
        key = (str(sample.picture), about.st_size, about.st_mtime_ns, size, self.base.picture_key)
        return self.folder / f"{_digest(repr(key))}.safetensors"


class Texts:
    """Text features: of captions what cross-attention sees, of instances the pooled feature."""

    def __init__(self, folder: Path, base: Base) -> None:
        self.folder, self.base = folder / "texts", base
        self._pooled: dict[str, Tensor] = {}

    def prepare(self, texts: Iterable[str], told: Told) -> None:
        wanted = sorted(set(texts))
        for done, text in enumerate(wanted):
            told("texts", done, len(wanted))
            path = self._path(text)
            if not _readable(path):
                context, pooled = self.base.encode_text(text)
                with whole_file(path, "the text features") as unfinished:
                    save_file(
                        {"context": context.to(torch.float16).contiguous(), "pooled": pooled.float().contiguous()},
                        unfinished,
                    )
        told("texts", len(wanted), len(wanted))

    def context(self, text: str) -> Tensor:
        """(77, width) float32; it is kept in half precision. Of a longer text the beginning, as the authors have it: in a batch all
        are equally long."""
        return self._get(text, "context")[:CLIP_TOKENS].float()

    def pooled(self, text: str) -> Tensor:
        """(text_dim,) float32."""
        if text not in self._pooled:
            self._pooled[text] = self._get(text, "pooled")
        return self._pooled[text]

    def _get(self, text: str, name: str) -> Tensor:
        path = self._path(text)
        if not path.is_file():  # captions that instances were added to cannot all be known before
            self.prepare([text], lambda *_: None)
        with safe_open(path, "pt") as file:
            return file.get_tensor(name)

    def _path(self, text: str) -> Path:
        return self.folder / f"{_digest(repr((text, self.base.text_key)))}.safetensors"


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Tells one set of weights from another by their names, shapes and a few of their numbers."""
    seen = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        some = tensor.detach().flatten()[:: max(tensor.numel() // 64, 1)].float().cpu()
        seen.update(f"{name}{tuple(tensor.shape)}".encode() + some.numpy().tobytes())
    return seen.hexdigest()[:32]


def _readable(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            return {"context", "pooled"} <= set(file.keys())
    except (OSError, SafetensorError):
        return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
