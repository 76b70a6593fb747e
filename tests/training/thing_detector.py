"""A small network that finds the things of a picture: what each is, its box, mask, colour and direction, as the pack's detectors say it."""

import lab
import numpy as np
import torch
import torch.nn.functional as F
from instdiff.instdiff_modules.metrics.detection import Detection
from support.thingworld.words import COATS, KINDS, LEFT, RIGHT, phrase
from torch import Tensor, nn

STRIDE = 4  # pixels of the picture for one cell of what the network says
WIDTHS = (24, 48, 96, 144)  # channels at 1/2, 1/4, 1/8 and 1/16
SCALE = 64.0  # pixels: sizes and ways to centres are told in these
# Channels of what the network says, in their order: how much a cell is the centre of each kind; there, of its box: half sides left, up,
# right and down, colour (none first), direction; anywhere: whether a thing is seen, and the way to the middle of its box.
PARTS = {"kind": len(KINDS), "box": 4, "color": 1 + len(COATS), "facing": 3, "seen": 1, "way": 2}
MOST, SURE = 60, 0.25  # detections of a picture, and the least score of one
FACING = ("", LEFT, RIGHT)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(*(_layer(width, width) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def _layer(given: int, made: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, 3, stride, 1, bias=False), nn.GroupNorm(8, made), nn.SiLU())


class ThingNet(nn.Module):
    """Pictures (B, 3, H, W) in -1..1, sides multiples of 16 -> (B, sum of PARTS, H / 4, W / 4)."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.first = nn.Sequential(_layer(3, a, 2), _layer(a, b, 2), Block(b))
        self.middle = nn.Sequential(_layer(b, c, 2), Block(c))
        self.last = nn.Sequential(_layer(c, d, 2), Block(d), Block(d))
        self.up = nn.ModuleList([nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1)])
        self.join = nn.ModuleList([Block(c), Block(b)])
        self.head = nn.Sequential(_layer(b, 96), nn.Conv2d(96, sum(PARTS.values()), 1))
        nn.init.constant_(self.head[1].bias[: len(KINDS)], -4.0)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.first(x)
        coarse = self.middle(fine)
        x = coarse + lab.double(self.up[0](self.last(coarse)))
        x = fine + lab.double(self.up[1](self.join[0](x)))
        return self.head(self.join[1](x))


def parts(said: Tensor) -> dict[str, Tensor]:
    """Channels by name."""
    return dict(zip(PARTS, said.float().split(list(PARTS.values()), 1), strict=True))


@torch.no_grad()
def find_things(net: ThingNet, picture: np.ndarray) -> list[Detection]:
    """picture (H, W, 3) uint8 -> detections, best first. label: the phrase, attributes: shape (the kind's word), color, facing."""
    height, width = picture.shape[:2]
    x = torch.from_numpy(picture.copy()).to(next(net.parameters()).device).permute(2, 0, 1)[None] / 127.5 - 1
    said = {name: part[0].cpu() for name, part in parts(net(F.pad(x, (0, -width % 16, 0, -height % 16)))).items()}
    heat = said["kind"].sigmoid()
    best, kinds = heat.max(0)
    peaks = torch.where(F.max_pool2d(best[None], 3, 1, 1)[0] == best, best, 0.0)
    scores, at = peaks.flatten().topk(min(MOST, peaks.numel()))
    rows, columns = at // peaks.shape[1], at % peaks.shape[1]
    found = []
    for score, row, column in zip(scores.tolist(), rows.tolist(), columns.tolist(), strict=True):
        if score < SURE:
            break
        left, up, right, down = (said["box"][:, row, column] * SCALE).tolist()
        x, y = STRIDE * (column + 0.5), STRIDE * (row + 0.5)
        box = (max(x - left, 0.0), max(y - up, 0.0), min(x + right, width), min(y + down, height))
        if box[2] - box[0] < 2 or box[3] - box[1] < 2 or any(_same(box, other) for other, *_ in found):
            continue
        kind = KINDS[int(kinds[row, column])]
        color = ("", *COATS)[int(said["color"][:, row, column].argmax())] if kind.hue is not None else ""
        facing = FACING[int(said["facing"][:, row, column].argmax())] if kind.faces else ""
        found.append((box, kind.word, color, facing, score))
    masks = _masks(said["seen"], said["way"], [box for box, *_ in found], (height, width))
    return [
        Detection(
            phrase(word, color, facing),
            (box[0] / width, box[1] / height, box[2] / width, box[3] / height),
            mask,
            score,
            {"shape": word, **({"color": color} if color else {}), **({"facing": facing} if facing else {})},
        )
        for (box, word, color, facing, score), mask in zip(found, masks, strict=True)
    ]


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Boxes that are one and the same thing's, whatever it was called."""
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    common = max(width, 0) * max(height, 0)
    return common > 0.7 * (sum(areas) - common)


def _masks(seen: Tensor, way: Tensor, boxes: list[tuple[float, ...]], size: tuple[int, int]) -> list[np.ndarray]:
    """Every pixel that shows a thing belongs to the box whose middle it points to best, in shares of the box, if that is near."""
    height, width = size
    fine = F.interpolate(torch.cat((seen, way))[None], scale_factor=STRIDE, mode="bilinear")[0, :, :height, :width]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    x, y = x + fine[1] * SCALE, y + fine[2] * SCALE
    if not boxes:
        return []
    away = torch.stack([torch.hypot((x - (a + c) / 2) / (c - a), (y - (b + d) / 2) / (d - b)) for a, b, c, d in boxes])
    least, which = away.min(0)
    shown = (fine[0] > 0) & (least < 0.5)
    return [(shown & (which == i)).numpy() for i in range(len(boxes))]
