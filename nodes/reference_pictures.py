"""The pictures of the instances: those that are connected and those that the layout names, ready for a VAE."""

import hashlib
import logging
from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from ..instdiff_modules.layout.document import visible_instances
from ..instdiff_modules.layout.fields import shorten
from ..instdiff_modules.layout.frames import describe, find_index
from ..instdiff_modules.layout.instance import Frames, Instance
from ..instdiff_modules.references.fit import fitted
from ..instdiff_modules.references.places import Member
from . import checks
from .reference_calls import Picture
from .reference_files import read_reference

WHERE = "Apply References"
_log = logging.getLogger(__name__)
MOST_KEPT = 64  # latents of one VAE, 16 KB each at 512 x 512


class Gathered:
    """The references of all frames. pictures: each (H, W, 3 or 4), once; seen: the instances of each frame that generate."""

    def __init__(self, frames: Frames, images: Tensor | None, of: str) -> None:
        self.pictures: list[Tensor] = []
        self.seen = [[one for one in visible_instances(layout) if one.strength] for layout in frames]
        self._numbers: dict[tuple[int, str], int | None] = {}  # of the instance of an id in a frame
        given = _given(frames, images, of)
        files: dict[str, int | None] = {}
        for frame, instances in enumerate(self.seen):
            for instance in instances:
                key = frame, instance.id
                where = f"Instance {instance.id[:40]}"
                if key in given:
                    self._numbers[key] = self._add(given[key], where)
                elif instance.reference and instance.reference_strength:
                    if instance.reference not in files:
                        files[instance.reference] = self._add(read_reference(instance.reference, where), where)
                    self._numbers[key] = files[instance.reference]

    def _add(self, picture: Tensor, where: str) -> int | None:
        if picture.shape[-1] == 4 and not bool(picture[..., 3].any()):
            _log.warning(
                "%s: its reference is wholly transparent: there is nothing to take a look from, so it goes without.",
                where,
            )
            return None
        for number, known in enumerate(self.pictures):
            if known is picture:
                return number
        self.pictures.append(picture)
        return len(self.pictures) - 1

    def member(self, instance: Instance, frame: int, strength: float) -> Member:
        number = self._numbers.get((frame, instance.id))
        return Member(instance, number, min(strength * instance.reference_strength, 2.0))


def _given(frames: Frames, images: Tensor | None, of: str) -> dict[tuple[int, str], Tensor]:
    """The connected pictures by frame and id of the instance that each belongs to."""
    if images is None:
        return {}
    if not _are_pictures(images):
        came = f"{tuple(images.shape)} of {images.dtype}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(
            f"{WHERE}: expected images of shape (pictures, height, width, 3), floats in 0..1, got {came}. Connect Load Image."
        )
    checks.check_finite(images, "reference picture")
    names = [name.strip() for name in of.split(",") if name.strip()]
    names = names or [str(i + 1) for i in range(len(images))]
    if len(names) != len(images):
        connected = "1 image is" if len(images) == 1 else f"{len(images)} images are"
        raise ValueError(
            f"{WHERE}: {connected} connected and `of` names {len(names)} instances. Name one instance for each image."
        )
    found: dict[tuple[int, str], Tensor] = {}
    for name, picture in zip(names, list(images), strict=True):
        places = [(i, find_index(layout, name)) for i, layout in enumerate(frames)]
        if all(index is None for _, index in places):
            raise ValueError(f"{WHERE}: there is no instance {shorten(name)} for an image. {describe(frames, 2)}")
        keys = [(i, frames[i].instances[index].id) for i, index in places if index is not None]
        if any(key in found for key in keys):
            raise ValueError(
                f"{WHERE}: two images are for the same instance, {shorten(name)}. Name another one in `of`."
            )
        found |= dict.fromkeys(keys, picture)
    return found


def _are_pictures(images: Any) -> bool:
    shaped = isinstance(images, Tensor) and images.ndim == 4 and images.shape[-1] in (3, 4) and images.numel() > 0
    return shaped and images.is_floating_point()


class KnownLatents:
    """Pictures as a VAE encodes them, remembered as long as that VAE is there: a change of the layout encodes none anew."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, OrderedDict[bytes, Picture]] = WeakKeyDictionary()

    def of(self, vae: Any, area: float) -> Any:
        """picture (H, W, 3 or 4) in 0..1 -> Picture of about `area` pixels."""

        def encode(picture: Tensor) -> Picture:
            known = self._known.setdefault(vae, OrderedDict())
            pixels, inside = prepared(picture, area)
            content = hashlib.sha256(str(pixels.shape).encode() + pixels.numpy().tobytes())
            content.update(b"" if inside is None else inside.numpy().tobytes())
            key = content.digest()
            if key not in known:
                known[key] = Picture(vae.encode(pixels), inside)
            known.move_to_end(key)
            if len(known) > MOST_KEPT:
                known.popitem(last=False)
            return known[key]

        return encode


LATENTS = KnownLatents()


def prepared(picture: Tensor, area: float) -> tuple[Tensor, Tensor | None]:
    """(1, h, w, 3) for the VAE, a cut-out picture on white; and its opacity (h, w), None where all of it is opaque."""
    picture = picture.detach().float().cpu()
    pixels = fitted(picture, area)
    if picture.shape[-1] == 3 or bool((picture[..., 3] == 1).all()):
        return pixels, None
    opacity = fitted(picture[..., 3:].expand(-1, -1, 3), area)[..., :1]
    return pixels * opacity + (1 - opacity), opacity[0, ..., 0]
