"""The demo model through ComfyUI's own classes: what it loads is what was trained, and it puts things where they belong."""

import hashlib
import json
from dataclasses import replace

import comfy.model_patcher
import folder_paths
import latent_preview
import numpy as np
import pytest
import torch
from bench import editing, instance_lora, overlap, overlap_conditions, shapeworld
from instdiff.instdiff_modules.checkpoint.reading import write_checkpoint
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.detection import SHAPES, detect_shapes
from instdiff.instdiff_modules.metrics.report import Totals, summarise
from instdiff.instdiff_modules.metrics.score import Settings as Measure
from instdiff.instdiff_modules.metrics.score import score_picture
from instdiff.instdiff_modules.shapeworld.demo_file import EMBEDDING, full_embedding, read_demo_file
from instdiff.instdiff_modules.shapeworld.detector import detect
from instdiff.instdiff_modules.shapeworld.vocabulary import COLORS, SHADES
from instdiff.nodes.demo_model import DEMO_FILE, InstDiffLoadDemoModel, load_instdiff
from instdiff.nodes.empty_latent import InstDiffEmptyLatent
from instdiff.nodes.load import FOLDER, InstDiffLoadModel, InstDiffSaveModel
from support.pack import ROOT
from support.shapeworld.layouts import scene_layout
from support.shapeworld.render import render
from support.shapeworld.scene import random_scene
from support.studio import Settings, Studio, only

SETTINGS = Settings(steps=8, sampler="dpmpp_2m")
SCENES, FEW, CROWDED = (
    10,
    6,
    4,
)  # where each picture counts, where much lies between the two answers, and where objects overlap
UNUSED = ("text_projection", "text_projection.weight", "logit_scale")  # parameters of CLIP's that nobody fills


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="module")
def layouts() -> list[Layout]:
    """Scenes that nobody trained on, nor measured for web/about/results.md."""
    return [scene_layout(random_scene((4711, i), counts=(1, 4)), i) for i in range(SCENES)]


@pytest.fixture(scope="module")
def by_box(studio: Studio, layouts: list[Layout]) -> list[np.ndarray]:
    """What boxes alone bring about, without multi-instance sampling."""
    return studio.draw([only(layout, "box") for layout in layouts[:FEW]], range(FEW), SETTINGS)


def measured(layouts: list[Layout], pictures: list[np.ndarray]) -> Totals:
    return summarise(
        [
            score_picture(
                str(i), layout, detect_shapes(picture), (256, 256), Measure(categories=SHAPES), picture, colors=True
            )
            for i, (layout, picture) in enumerate(zip(layouts, pictures, strict=True))
        ]
    )


def test_the_demo_file_is_small_enough() -> None:
    assert DEMO_FILE.stat().st_size < 25e6


def test_every_weight_arrives(studio: Studio) -> None:
    demo = read_demo_file(DEMO_FILE)
    modules = (
        studio.model.model.diffusion_model,
        studio.vae.first_stage_model,
        studio.clip.cond_stage_model.clip_l.transformer,
    )
    for module, part in zip(modules, ("unet", "vae", "text"), strict=True):
        ours, theirs = demo.tensors[part], dict(module.state_dict())
        theirs.pop("text_projection.weight", None)
        assert set(ours) == set(theirs)
        for key, value in ours.items():
            if key != EMBEDDING:
                torch.testing.assert_close(theirs[key].cpu().float(), value.float(), atol=2e-3, rtol=1e-2)
    rows = full_embedding(demo.tensors["text"][EMBEDDING].float(), demo.config["vocabulary"])
    assert (modules[2].state_dict()[EMBEDDING].cpu() == rows).all()


def test_comfyui_can_make_a_second_copy_where_it_moves_weights_dynamically(studio: Studio) -> None:
    """It asks for one when a LoRA belongs to one conditioning alone."""
    for patcher in (studio.model, studio.clip.patcher):
        make, arguments = patcher.cached_patcher_init
        again = make(*arguments, disable_dynamic=True)
        assert type(again) is comfy.model_patcher.ModelPatcher and again.model is not patcher.model
        ours, theirs = again.model.state_dict(), patcher.model.state_dict()
        assert set(ours) == set(theirs) and all(
            torch.equal(ours[key].cpu(), theirs[key].cpu()) for key in ours if not key.endswith(UNUSED)
        )


def test_a_missing_file_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("instdiff.nodes.demo_model.DEMO_FILE", tmp_path / "gone.safetensors")
    with pytest.raises(ValueError, match=r"The demo model gone\.safetensors cannot be read.*install the pack again"):
        InstDiffLoadDemoModel.execute()


def test_its_weights_saved_are_loaded_again(studio: Studio, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    monkeypatch.setitem(
        folder_paths.folder_names_and_paths, FOLDER, ([str(tmp_path)], folder_paths.supported_pt_extensions)
    )
    InstDiffSaveModel.execute(studio.networks, "demo", "as loaded")
    again = InstDiffLoadModel.execute("demo_00001_.safetensors", "auto")[0]
    ours, theirs = studio.networks.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key].cpu(), theirs[key].cpu()) for key in ours)
    assert again.config == studio.networks.config


def test_weights_beyond_fp16_are_neither_saved_nor_loaded_as_fp16(
    studio: Studio, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would become infinite, and every picture black."""
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    monkeypatch.setitem(
        folder_paths.folder_names_and_paths, FOLDER, ([str(tmp_path)], folder_paths.supported_pt_extensions)
    )
    tensors = {key: value.float() for key, value in studio.networks.state_dict().items()}
    tensors["scaleu_b_1"][0] = -1e5
    write_checkpoint(tmp_path / "large.safetensors", tensors, {})
    with pytest.raises(ValueError, match=r"'scaleu_b_1' reach 1e\+05, fp16 ends at 65504: choose bf16 or fp32"):
        InstDiffLoadModel.execute("large.safetensors", "fp16")
    large = InstDiffLoadModel.execute("large.safetensors", "fp32")[0]
    with pytest.raises(ValueError, match="choose bf16 or fp32"):
        InstDiffSaveModel.execute(large, "x", "fp16")
    InstDiffSaveModel.execute(large, "x", "bf16")


def test_the_base_draws_the_background_it_is_told(studio: Studio) -> None:
    colors = ("red", "green", "yellow", "black")
    given = [Layout((), 256, 256, f"a white star on a {color} background") for color in colors]
    pictures = studio.draw(given, range(4), SETTINGS, grounded=False)
    assert sum(detect(picture)[0] == color for picture, color in zip(pictures, colors, strict=True)) >= 3


def test_previews_show_every_object_in_its_colour(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """As samplers make them: from latents of true scenes, by the latent format of the model that they are given."""
    monkeypatch.setattr(latent_preview.args, "preview_method", latent_preview.LatentPreviewMethod.Auto)
    previewer = latent_preview.get_previewer(studio.model.load_device, studio.model.model.latent_format)
    names = list(COLORS)
    shades = torch.tensor([list(COLORS.values()), list(SHADES.values())]).float()
    right = []
    for i in range(20):
        scene = random_scene((4713, i), counts=(2, 5))
        drawn = render(scene)
        latent = studio.model.model.process_latent_in(studio.vae.encode(torch.from_numpy(drawn.picture)[None] / 255))
        _, preview, _ = previewer.decode_latent_to_preview_image("JPEG", latent)
        shown = torch.from_numpy(np.array(preview)).float()
        blocks = torch.from_numpy(drawn.visible).unfold(1, 8, 8).unfold(2, 8, 8).all(-1).all(-1)
        for thing, inside in zip(scene.things, blocks, strict=True):
            nearest = (shades - shown[inside].mean(0)).norm(dim=-1).amin(0).argmin()
            right.append((thing.color, names[nearest], bool(inside.any())))
    seen = [color == shown for color, shown, whole in right if whole]
    assert len(seen) > 40 and np.mean(seen) > 0.8, right


def test_boxes_put_things_where_captions_alone_do_not(
    studio: Studio, layouts: list[Layout], by_box: list[np.ndarray]
) -> None:
    few = layouts[:FEW]
    placed = measured(few, by_box)
    alone = measured(few, studio.draw(few, range(FEW), SETTINGS, grounded=False))
    assert alone.box_ap50 < 0.2 and placed.box_ap50 > 0.6
    assert placed.color_acc > 0.8


def test_scribbles_put_things_where_they_are_drawn(studio: Studio, layouts: list[Layout]) -> None:
    assert (
        measured(
            layouts, studio.draw([only(layout, "scribble") for layout in layouts], range(SCENES), SETTINGS)
        ).pim_scribble
        > 0.75
    )


def test_colours_leak_no_more_with_multi_instance_sampling(
    studio: Studio, layouts: list[Layout], by_box: list[np.ndarray]
) -> None:
    few = layouts[:FEW]
    given = [only(layout, "box") for layout in few]
    branched = measured(few, studio.draw(given, range(FEW), replace(SETTINGS, share=0.2)))
    assert branched.leakage < measured(few, by_box).leakage + 0.01


def test_painting_what_failed_anew_raises_the_share_of_satisfied_instances(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "ROUNDS", 1)  # the bench has two
    monkeypatch.setattr(
        editing, "SETTINGS", replace(editing.SETTINGS, apply={"strength": 0.35})
    )  # else hardly any fails
    numbers = list(range(CROWDED))
    crowded = [only(scene_layout(random_scene((4712, i), counts=(5, 6), overlaps=True), i), "box") for i in numbers]
    before, after = editing.repair(studio, crowded, numbers)[0]
    assert before < 0.6 and after > before + 0.05


def test_moving_a_box_moves_its_object_and_leaves_the_other(studio: Studio) -> None:
    prompt, other = (
        "a red star and a blue circle on a white background",
        Instance("b", "a blue circle", box=(0.58, 0.55, 0.92, 0.89)),
    )
    places = [(0.08, 0.08, 0.44, 0.44), (0.08, 0.52, 0.44, 0.88)]
    given = [Layout((Instance("a", "a red star", box=box), other), 256, 256, prompt) for box in places]
    for box, picture in zip(places, studio.draw(given, [3, 3], SETTINGS), strict=True):
        seen = {d.label: d.box for d in detect_shapes(picture)}
        assert np.abs(np.subtract(seen["a red star"], box)).max() < 0.08
        assert np.abs(np.subtract(seen["a blue circle"], other.box)).max() < 0.08


def test_sampling_apart_lowers_leaking_where_instances_steer_weakly(studio: Studio) -> None:
    """A scene in which much leaks at half strength, out of the bench's 200 (tests/bench/shapeworld.json has them all)."""
    numbers = (28,)
    scenes = [scene_layout(random_scene((shapeworld.STREAM, n)), n) for n in numbers]
    given = [only(scene, "box") for scene in scenes]
    without, crop, masked = (
        measured(scenes, studio.draw(given, numbers, shapeworld.CASES[case][1])).leakage
        for case in ("weak", "weak_mis_crop", "weak_mis_masked")
    )
    assert crop < 0.5 * without and masked < 0.8 * without


def test_the_empty_latent_has_the_canvass_shape_at_the_models_size(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    def drawn(width: int, height: int) -> tuple[int, int]:
        latent = InstDiffEmptyLatent.execute(studio.model, (Layout((), width, height),)).args[0]["samples"]
        return latent.shape[3] * 8, latent.shape[2] * 8

    canvases = {(512, 512): (256, 256), (768, 512): (384, 256), (100, 200): (256, 512), (512, 264): (496, 256)}
    assert {canvas: drawn(*canvas) for canvas in canvases} == canvases
    assert "objects miss their places" not in caplog.text
    assert drawn(900, 300) == (504, 168)
    assert "from 1:2 to 2:1: on one of another form (900x300) objects miss their places" in caplog.text


@pytest.mark.parametrize("slots", ["x", 0, -1, 29, 10**9])
def test_a_file_that_states_other_slots_than_its_weights_have_is_refused(slots: object) -> None:
    demo = read_demo_file(DEMO_FILE)
    other = replace(demo, config={**demo.config, "instdiff": {**demo.config["instdiff"], "slots": slots}})
    with pytest.raises(ValueError, match=rf"states slots for '?{slots}'? instances, but its weights have 30: install"):
        load_instdiff(other, DEMO_FILE.name)


def test_the_bench_says_which_file_it_measured() -> None:
    """A new file needs new numbers: web/about would else show those of another model."""
    for bench in ("shapeworld", "canvases"):
        known = json.loads((ROOT / "tests" / "bench" / f"{bench}.json").read_text())
        assert known["model"]["sha256"] == hashlib.sha256(DEMO_FILE.read_bytes()).hexdigest(), bench


def test_a_lora_on_one_instance_paints_it_and_leaves_the_others() -> None:
    painter, given = instance_lora.Painter(), instance_lora.scenes(2)
    pictures = {
        case: [painter.draw(layout, chosen, n, case) for n, (layout, chosen) in enumerate(given)]
        for case in ("without", "strength 10")
    }
    found = instance_lora.measure(pictures, given)
    assert found["without"]["checkered chosen"] == 0 and found["strength 10"]["checkered chosen"] >= 0.5
    assert found["strength 10"]["checkered others"] == 0
    assert found["strength 10"]["change inside"] > 6 * found["strength 10"]["change outside"]


def test_by_depth_the_order_of_the_layout_is_the_order_in_the_picture(studio: Studio) -> None:
    conditions = [c for c in overlap_conditions.order() if c.way == "overlap by depth"]
    assert len(conditions) == 2
    bench = overlap.Overlaps()
    bench.studio = studio
    for condition in conditions:
        [picture] = bench.draw(condition, [0])
        seen = detect_shapes(picture)
        values = {name: measure(picture, seen) for name, measure in condition.measures.items()}
        assert values["order right"] == values["both found"] == 1, values
