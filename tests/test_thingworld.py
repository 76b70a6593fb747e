"""The world of things that the next demo model is taught: its words, scenes and masks. Pictures of things stand for those of the emoji set."""

import colorsys
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image
from support.shapeworld.captions import WORDS as SHAPE_WORDS
from support.shapeworld.layouts import scene_layout
from support.thingworld import emoji, render, scene
from support.thingworld.render import render_things
from support.thingworld.scene import random_things
from support.thingworld.words import COATS, KIND, KINDS, LANDSCAPES, OTHER_WORDS, WORDS, phrase, phrases


@pytest.fixture(autouse=True)
def plain_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arrow of one colour for everything, so that its direction shows; as wide as 8, as high as 5."""

    @lru_cache
    def sprite(word: str, color: str = "", flipped: bool = False) -> Image.Image:
        pixels = np.zeros((160, 256, 4), np.uint8)
        pixels[:, 64:] = pixels[60:100, :64] = (
            *np.random.default_rng(sum(map(ord, word + color))).integers(0, 255, 3),
            255,
        )
        return Image.fromarray(pixels[:, ::-1] if flipped else pixels)

    for module in (emoji, scene, render):
        monkeypatch.setattr(module, "sprite", sprite)


def test_words_are_told_apart() -> None:
    words = [*SHAPE_WORDS, *WORDS]
    assert len(words) == len(set(words)) and not set(OTHER_WORDS) & set(words)
    assert len(KINDS) >= 40 and len(phrases()) == len(set(phrases()))
    assert phrase("owl") == "an owl" and phrase("car", "blue", "left") == "a blue car facing left"
    assert {text.split()[-1 if "facing" not in text else -3] for text in phrases()} == set(KIND)


@pytest.mark.parametrize(("size", "counts"), [((256, 256), (1, 6)), ((256, 128), (4, 10)), ((256, 512), (30, 30))])
def test_scenes_show_what_their_captions_and_layouts_say(size: tuple[int, int], counts: tuple[int, int]) -> None:
    known = set(phrases())
    for seed in range(6):
        one = random_things((3, seed), *size, counts)
        assert one == random_things((3, seed), *size, counts)
        drawn = render_things(one)
        assert drawn.picture.shape == (size[1], size[0], 3) and len(one.things) >= min(counts[0], 15)
        assert drawn.visible.sum(0).max() <= 1 and (drawn.visible <= drawn.whole).all()
        share = drawn.visible.sum((1, 2)) / drawn.whole.sum((1, 2))
        assert share.min() > 0.5
        layout = scene_layout(one, seed, drawn.visible)
        assert layout.prompt == one.caption and {i.prompt for i in layout.instances} <= known
        end = LANDSCAPES.get(one.background, f"on a {one.background} background")
        assert one.caption.endswith(end) and one.caption.count(" in the ") == int(end.startswith("in the "))


def test_captions_say_how_things_lie_to_each_other() -> None:
    cat, tree, owl = (scene.Item(word, "", "", center, 0.2) for word, center in (("cat", (0.2, 0.5)), ("tree", (0.7, 0.6)), ("owl", (0.6, 0.1))))  # fmt: skip
    told = [scene.ThingScene(256, 256, "beach", things).caption for things in ((cat, tree, owl), (owl, tree), (tree, owl), (tree, cat))]  # fmt: skip
    assert told == [
        "a cat left of a tree and an owl on the beach",
        "an owl above a tree on the beach",
        "a tree below an owl on the beach",
        "a tree right of a cat on the beach",
    ]
    assert scene.ThingScene(256, 256, "blue", (cat, tree), 1).caption == "a cat and a tree on a blue background"


def test_what_stands_lower_in_a_landscape_stands_in_front() -> None:
    found = [one for seed in range(40) if (one := random_things((4, seed), counts=(4, 6))).background in LANDSCAPES]
    for one in found:
        feet = [item.center[1] + item.size * 160 / 256 / 2 for item in one.things]
        assert feet == sorted(feet)
    assert found


def test_a_thing_looks_where_its_caption_says() -> None:
    for facing in ("left", "right"):
        item = scene.Item("cat", "", facing, (0.5, 0.5), 0.5)  # the arrow's head is where the picture's cat looks
        mask = render_things(scene.ThingScene(256, 256, "white", (item,))).visible[0]
        columns = np.flatnonzero(mask.any(0))
        heights = mask[:, columns[2]].sum(), mask[:, columns[-3]].sum()
        assert (heights[0] < heights[1]) == (facing == "left")


def test_a_coat_takes_its_colour_and_leaves_the_rest() -> None:
    body = '<path fill="#F92F60"/><path fill="#C00840"/><path fill="#404040"/><path fill="#00A6ED"/>'
    hue = lambda text: colorsys.rgb_to_hsv(*(int(text[i : i + 2], 16) for i in (1, 3, 5)))  # noqa: E731
    for color in COATS:
        fills = emoji.coated(body, 345, color).split('"')[1::2]
        wanted = emoji.COAT_COLORS[color][0] / 360
        assert all(abs((hue(fill)[0] - wanted + 0.5) % 1 - 0.5) < 0.02 for fill in fills[:2])
        assert hue(fills[0])[2] > hue(fills[1])[2] and fills[2:] == ["#404040", "#00A6ED"]
