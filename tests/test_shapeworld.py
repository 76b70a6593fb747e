"""The shape world: scenes from seeds, exact layouts, and a detector that reads clean pictures without a mistake."""

from dataclasses import replace

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask, mask_box
from instdiff.instdiff_modules.shapeworld import vocabulary as words
from instdiff.instdiff_modules.shapeworld.detector import detect
from instdiff.instdiff_modules.shapeworld.outlines import coverage, half_extent
from PIL import Image, ImageFilter
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.shapeworld import captions
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import MIN_VISIBLE, SIZE_RANGE, Scene, Thing, random_scene

CANVASES = ((256, 256), (384, 256), (256, 320))  # width, height
SCENES = [random_scene((5, i), *CANVASES[i % 3]) for i in range(45)]


def test_a_seed_is_a_scene() -> None:
    assert random_scene(3) == random_scene(3) != random_scene(4)
    assert (render(SCENES[1]).picture == render(SCENES[1]).picture).all()


def test_scenes_have_all_that_the_world_has() -> None:
    scenes = [random_scene(seed) for seed in range(400)]
    things = [thing for scene in scenes for thing in scene.things]
    assert {len(scene.things) for scene in scenes} == {1, 2, 3, 4, 5, 6}
    assert {thing.shape for thing in things} == set(words.SHAPES)
    assert {thing.color for thing in things} == set(words.COLORS) == {scene.background for scene in scenes}
    assert {thing.texture for thing in things} == set(words.TEXTURES)
    sizes = [thing.size for thing in things]
    assert SIZE_RANGE[0] <= min(sizes) < 0.17 and 0.45 < max(sizes) <= SIZE_RANGE[1]


@pytest.mark.parametrize("scene", SCENES[:20], ids=range(20))
def test_objects_stay_recognisable(scene: Scene) -> None:
    drawn = render(scene)
    for thing, visible, whole in zip(scene.things, drawn.visible, drawn.whole, strict=True):
        assert thing.color != scene.background
        assert visible.sum() >= (MIN_VISIBLE - 0.05) * whole.sum() > 0
        border = np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]])
        assert not border.any()
    assert not (drawn.visible.sum(0) > 1).any(), "a pixel belongs to one object"


def test_captions() -> None:
    things = (Thing("star", "red", "plain", (0.3, 0.3), 0.3), Thing("ring", "blue", "striped", (0.7, 0.7), 0.4))
    scene = Scene(256, 256, "green", things)
    assert scene.caption == "a red star and a striped blue ring on a green background"
    assert replace(scene, things=things[:1]).caption == "a red star on a green background"
    assert scene_layout(scene).prompt == scene.caption
    assert [i.prompt for i in scene_layout(scene).instances] == ["a red star", "a striped blue ring"]


@pytest.mark.parametrize("shape", words.SHAPES)
def test_outlines_fill_their_extent_on_a_wide_canvas(shape: str) -> None:
    rows, columns, inside = coverage(shape, (180, 60), 80, 128, 256)
    mask = np.zeros((128, 256))
    mask[rows, columns] = inside
    x0, y0, x1, y1 = np.array(mask_box(mask > 0.02)) * (256, 128, 256, 128)
    wide, tall = (80 * extent for extent in half_extent(shape))
    assert abs((x1 - x0) - wide) <= 2 and abs((y1 - y0) - tall) <= 2
    assert abs((x0 + x1) / 2 - 180) <= 1 and abs((y0 + y1) / 2 - 60) <= 1


@pytest.mark.parametrize("scene", SCENES[:12], ids=range(12))
def test_layouts_are_exact(scene: Scene) -> None:
    drawn = render(scene)
    layout = scene_layout(scene)
    assert (layout.width, layout.height) == (scene.width, scene.height)
    for instance, visible in zip(layout.instances, drawn.visible, strict=True):
        assert (decode_mask(instance.mask) == visible).all()
        assert instance.box == mask_box(visible)
        assert len(instance.scribble) == 20
        for x, y in (instance.point, *instance.scribble):
            assert visible[int(y * scene.height), int(x * scene.width)]


def coco_precision(scenes: list[Scene], pictures: list[np.ndarray], kind: str) -> float:
    """COCO's AP (IoU 0.50 to 0.95) of the detector, where shape, colour and texture together are the class."""
    names = [words.phrase(s, c, t) for s in words.SHAPES for c in words.COLORS for t in words.TEXTURES]
    number = {name: i for i, name in enumerate(names, 1)}
    truth, found = [], []
    for i, (scene, picture) in enumerate(zip(scenes, pictures, strict=True), 1):
        scale = np.array((scene.width, scene.height) * 2)
        for instance in scene_layout(scene).instances:
            x0, y0, x1, y1 = np.array(instance.box) * scale
            mask = {"size": [scene.height, scene.width], "counts": instance.mask.counts}
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": i,
                    "category_id": number[instance.prompt],
                    "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": float((x1 - x0) * (y1 - y0)),
                    "segmentation": mask,
                }
            )
        for d in detect(picture)[1]:
            x0, y0, x1, y1 = np.array(d.box) * scale
            one = {"image_id": i, "category_id": number[d.phrase], "score": d.score}
            if kind == "segm":
                found.append(
                    {**one, "segmentation": {"size": list(d.mask.shape), "counts": encode_mask(d.mask).counts}}
                )
            else:
                found.append({**one, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": i, "width": s.width, "height": s.height} for i, s in enumerate(scenes, 1)],
        "categories": [{"id": i, "name": name} for name, i in number.items()],
        "annotations": truth,
    }
    coco.createIndex()
    run = COCOeval(coco, coco.loadRes(found), kind)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return run.stats[0]


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_detector_is_exact_on_clean_scenes(kind: str) -> None:
    assert coco_precision(SCENES, [render(scene).picture for scene in SCENES], kind) == pytest.approx(1.0, abs=0.005)


def test_the_detector_reads_blurred_pictures() -> None:
    right = total = 0
    for scene in SCENES[:20]:
        blurred = np.asarray(Image.fromarray(render(scene).picture).filter(ImageFilter.GaussianBlur(1.5)))
        background, found = detect(blurred)
        assert background == scene.background
        total += len(scene.things)
        right += len({t.phrase for t in scene.things} & {d.phrase for d in found})
    assert right >= 0.9 * total


@pytest.mark.parametrize("shape", ["star", "heart", "triangle", "cross"])
def test_what_surrounds_an_object_does_not_hide_it(shape: str) -> None:
    """A blurred star on a square is a star on it, not a circle of which the square hides a half."""
    things = (Thing("square", "blue", "plain", (0.5, 0.5), 0.6), Thing(shape, "yellow", "plain", (0.5, 0.5), 0.22))
    blurred = Image.fromarray(render(Scene(256, 256, "white", things)).picture).filter(ImageFilter.GaussianBlur(2.5))
    assert {d.shape for d in detect(np.asarray(blurred))[1]} == {"square", shape}


def test_an_empty_picture_has_no_objects() -> None:
    assert detect(np.full((128, 192, 3), (30, 165, 50), np.uint8)) == ("green", [])
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    detect(noise)  # nothing sensible to find, nothing to fall over


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (0.0, 0.0, "in the top far left"),
        (0.5, 0.5, "in the middle center"),
        (1.0, 1.0, "in the bottom far right"),
        (0.25, 0.75, "in the lower left"),
    ],
)
def test_places_in_words(x: float, y: float, said: str) -> None:
    assert captions.place(x, y) == said


def test_a_placed_caption_says_where_each_thing_is_and_uses_known_words() -> None:
    scene = random_scene(5, counts=(3, 3))
    caption = scene.placed_caption
    assert all(f"{thing.phrase} {captions.place(*thing.center)}" in caption for thing in scene.things)
    assert set(caption.replace(",", " ,").split()) <= set(captions.WORDS) | {"far"}
