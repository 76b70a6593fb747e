"""Pictures of the things from Fluent Emoji (Microsoft, MIT licence), fetched from the npm registry when first asked for.

Only what trains reads them; nothing of them is shipped. Each is drawn once and kept under INSTDIFF_HOME/things, so a copy of that
folder (a megabyte) serves where no registry is. Drawing SVG takes resvg-py, in INSTDIFF_HOME/training-tools or beside torch.
"""

import colorsys
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import urllib.request
from functools import lru_cache

import numpy as np
from PIL import Image
from support.environment import home
from support.thingworld.words import KIND

URL = "https://registry.npmjs.org/@iconify-json/fluent-emoji-flat/-/fluent-emoji-flat-1.2.6.tgz"
SHA256 = "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175"
SIDE = 256  # of the pictures, in pixels
# Hue in degrees, saturation and brightness of a coat; other shades of it keep their distance to the brightest.
COAT_COLORS = {
    "red": (356, 0.85, 0.92),
    "yellow": (48, 0.85, 1.0),
    "green": (135, 0.75, 0.68),
    "blue": (222, 0.82, 0.92),
    "pink": (330, 0.42, 1.0),
    "purple": (280, 0.72, 0.70),
}
NEAR_HUE = 32  # degrees: what is farther from the coat's hue is not of the coat


def archive() -> bytes:
    """The package's archive, fetched once and checked."""
    path = home() / "downloads" / URL.rsplit("/", 1)[1]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(URL, timeout=60) as answer:
            path.write_bytes(answer.read())
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ValueError(f"{path} is not the expected package: delete the file and run again.")
    return content


@lru_cache(maxsize=1)
def drawings() -> dict[str, str]:
    """Name -> SVG inside a view box of 32x32."""
    with tarfile.open(fileobj=io.BytesIO(archive())) as package:
        icons = json.load(package.extractfile("package/icons.json"))["icons"]
    return {name: icon["body"] for name, icon in icons.items()}


def coated(body: str, hue: int, color: str) -> str:
    """The SVG with all fills near `hue` (degrees) in another colour's shades."""
    degrees, saturation, brightness = COAT_COLORS[color]
    shades = {text: _hsv(text) for text in re.findall(r"#[0-9A-Fa-f]{6}\b", body)}
    coat = {text: hsv for text, hsv in shades.items() if hsv[1] > 0.3 and _apart(hsv[0], hue) <= NEAR_HUE}
    brightest = max(v for _, _, v in coat.values())
    for text, (_, _, v) in coat.items():
        rgb = colorsys.hsv_to_rgb(degrees / 360, saturation, brightness * v / brightest)
        body = body.replace(text, "#" + "".join(f"{round(255 * c):02x}" for c in rgb))
    return body


def _hsv(text: str) -> tuple[float, float, float]:
    hue, s, v = colorsys.rgb_to_hsv(*(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    return 360 * hue, s, v


def _apart(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


@lru_cache(maxsize=512)
def sprite(word: str, color: str = "", flipped: bool = False) -> Image.Image:
    """The thing's picture, RGBA with premultiplied alpha, cut to what is seen of it; its longer side is nearly SIDE."""
    path = home() / "things" / f"{'-'.join(filter(None, (word, color)))}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        _drawn(word, color).save(part, "PNG")
        os.replace(part, path)
    picture = Image.open(path)
    picture.load()
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else picture


def _drawn(word: str, color: str) -> Image.Image:
    kind = KIND[word]
    body = drawings()[kind.picture]
    if color:
        body = coated(body, kind.hue, color)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="{SIDE}" height="{SIDE}">{body}</svg>'
    picture = Image.open(io.BytesIO(bytes(_resvg().svg_to_bytes(svg_string=svg)))).convert("RGBA")
    picture = picture.crop(picture.getchannel("A").getbbox())
    pixels = np.asarray(picture, np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return Image.fromarray((pixels + 0.5).astype(np.uint8))


def _resvg():
    tools = home() / "training-tools"
    if tools.is_dir() and str(tools) not in sys.path:
        sys.path.append(str(tools))
    try:
        import resvg_py
    except ImportError:
        sys.exit(f"resvg-py is missing: run `python -m pip install --target {tools} resvg-py`.")
    return resvg_py
