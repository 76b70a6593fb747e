"""Picture files of any origin: read within limits, or one sentence."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ..layout.fields import MAX_MASK_PIXELS
from ..layout.plain_files import file_size

# What Pillow's readers raise for damaged files.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
)


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8. ValueError for what is no picture, damaged, or of more than MAX_MASK_PIXELS, before it is unpacked."""
    file_size(path, "a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is below it
            with Image.open(path) as image:
                if image.width * image.height <= MAX_MASK_PIXELS:
                    return np.array(image.convert("RGB"))
    except Image.DecompressionBombError:
        pass
    except DAMAGED as error:
        raise ValueError(f"{path} cannot be read as a picture: it is damaged, cut off or something else.") from error
    raise ValueError(
        f"{path} has too many pixels to be read. Pictures may have up to {MAX_MASK_PIXELS // 2**20} million."
    )
