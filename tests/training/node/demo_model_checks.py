"""The demo model's file through ComfyUI's own classes: what it loads is what was trained."""

from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.layout.document import Instance, Layout
from instdiff.instdiff_modules.shapeworld.detector import detect
from instdiff.instdiff_modules.shapeworld.shipment import EMBEDDING, Shipment, full_embedding, read_shipment
from instdiff.nodes import demo_model
from instdiff.nodes.apply import ApplyInstDiff

pytestmark = pytest.mark.skipif(not demo_model.DEMO_FILE.exists(), reason="the demo model is not in the pack yet")


@pytest.fixture(scope="module")
def shipment() -> Shipment:
    return read_shipment(demo_model.DEMO_FILE)


@pytest.fixture(scope="module")
def parts(shipment: Shipment) -> tuple:
    return demo_model.load_unet(shipment), demo_model.load_clip(shipment), demo_model.load_vae(shipment)


def test_every_weight_arrives(shipment: Shipment, parts: tuple) -> None:
    unet, clip, vae = parts
    for module, part in ((unet.model.diffusion_model, "unet"), (vae.first_stage_model, "vae"), (clip.cond_stage_model.clip_l.transformer, "text")):
        ours, theirs = shipment.tensors[part], dict(module.state_dict())
        theirs.pop("text_projection.weight", None)
        assert set(ours) == set(theirs)
        for key, value in ours.items():
            if key != EMBEDDING:
                torch.testing.assert_close(theirs[key].float(), value.float(), atol=2e-3, rtol=1e-2)
    rows = full_embedding(shipment.tensors["text"][EMBEDDING].float(), shipment.config["vocabulary"])
    assert (clip.cond_stage_model.clip_l.transformer.state_dict()[EMBEDDING] == rows).all()


def picture(parts: tuple, model, prompt: str, seed: int = 0, steps: int = 16, cfg: float = 3.0):
    import nodes

    _, clip, vae = parts
    positive, negative = (clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (prompt, ""))
    (latent,) = nodes.common_ksampler(model, seed, steps, cfg, "euler", "normal", positive, negative, {"samples": torch.zeros(1, 4, 32, 32)})
    return (vae.decode(latent["samples"])[0].clamp(0, 1) * 255).round().byte().numpy()


def test_the_base_draws_the_background_it_is_told(parts: tuple) -> None:
    right = sum(detect(picture(parts, parts[0], f"a white star on a {color} background"))[0] == color for color in ("red", "green", "yellow", "black"))
    assert right >= 3


def test_instances_go_where_their_boxes_are(shipment: Shipment, parts: tuple) -> None:
    if "instdiff" not in shipment.tensors:
        pytest.skip("the file holds the base alone")
    networks = demo_model.load_instdiff(shipment, Path(demo_model.DEMO_FILE).name)
    layout = Layout((Instance("a", "a red star", box=(0.1, 0.1, 0.45, 0.45)), Instance("b", "a white circle", box=(0.55, 0.55, 0.9, 0.9))), 256, 256)
    model = ApplyInstDiff.execute(parts[0], parts[1], networks, (layout,), 1.0, 0.0, 1.0)[0]
    _, found = detect(picture(parts, model, "a red star and a white circle on a green background"))
    boxes = {d.phrase: d.box for d in found}
    assert set(boxes) == {"a red star", "a white circle"}
    assert max(boxes["a red star"]) < 0.55 and min(boxes["a white circle"]) > 0.45
