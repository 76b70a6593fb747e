"""How a picture becomes one of the size that is trained on: scaled, cut in the middle, perhaps mirrored."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ..geometry.masks import decode_mask, encode_mask
from ..layout.instance import Box, Instance, Point
from .base import Sizes


@dataclass(frozen=True)
class Frame:
    """A picture of `width` x `height` pixels, scaled to cover `wide` x `tall` and cut to its middle."""

    width: int
    height: int
    wide: int = 512
    tall: int = 512
    flipped: bool = False

    @property
    def scale(self) -> float:
        return max(self.wide / self.width, self.tall / self.height)

    @property
    def scaled(self) -> tuple[int, int]:
        """Width and height before the cut."""
        return max(round(self.width * self.scale), self.wide), max(round(self.height * self.scale), self.tall)

    @property
    def corner(self) -> tuple[int, int]:
        """x and y of the cut in the scaled picture."""
        return (self.scaled[0] - self.wide) // 2, (self.scaled[1] - self.tall) // 2

    @property
    def sizes(self) -> Sizes:
        """What an SDXL UNet is told of the picture."""
        return Sizes((self.width, self.height), self.corner, (self.wide, self.tall))

    @property
    def part(self) -> Box:
        """What of the picture is seen, in 0..1."""
        (x, y), (w, h) = self.corner, self.scaled
        return x / w, y / h, (x + self.wide) / w, (y + self.tall) / h

    def pixels(self, picture: Image.Image) -> np.ndarray:
        """The picture's own pixels -> (tall, wide, 3) uint8. Halved with a box filter while it is twice as large, then bicubic."""
        picture = picture.convert("RGB")
        while picture.width >= 2 * self.wide and picture.height >= 2 * self.tall:
            picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
        scale = max(self.wide / picture.width, self.tall / picture.height)
        size = max(round(picture.width * scale), self.wide), max(round(picture.height * scale), self.tall)
        array = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
        x, y = (size[0] - self.wide) // 2, (size[1] - self.tall) // 2
        cut = array[y : y + self.tall, x : x + self.wide]
        return np.ascontiguousarray(cut[:, ::-1] if self.flipped else cut)


def mirrored(instance: Instance) -> Instance:
    """The instance of a picture that is mirrored left to right."""

    def across(xy: Point) -> Point:
        return 1 - xy[0], xy[1]

    box, mask = instance.box, instance.mask
    return replace(
        instance,
        box=box and (1 - box[2], box[1], 1 - box[0], box[3]),
        point=instance.point and across(instance.point),
        scribble=instance.scribble and tuple(map(across, instance.scribble)),
        mask=mask and encode_mask(decode_mask(mask)[:, ::-1]),
    )
