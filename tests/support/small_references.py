"""A small MODEL behind Apply References, its reference pictures, and what it samples."""

from dataclasses import replace

import torch
from instdiff.instdiff_modules.layout.document import Layout
from instdiff.nodes.references import InstDiffApplyReferences
from support.small_pack import OWL, FakeClip, FakeVae, base
from support.small_pack import sample as sampled

FRONT = replace(OWL, id="front", box=(0.0, 0.0, 1.0, 1.0))
VAE = FakeVae()


def sample(model, start, steps=2, **given):
    return sampled(model, start, steps, **given)


def pictures(count=1):
    return torch.rand(count, 40, 40, 3, generator=torch.Generator().manual_seed(3))


def frames(*instances):
    return (Layout(instances, 256, 256),)


def refer(layouts, model=None, images=None, **settings):
    """The MODEL that Apply References gives; one picture for the instance of id a unless said otherwise."""
    given = {"strength": 1.0, "start": 0.0, "end": 1.0, "of": "a", **settings}
    images = pictures() if images is None else images
    with torch.inference_mode():
        return InstDiffApplyReferences.execute(
            model or base()[0], FakeClip(), VAE, layouts, images=images, **given
        ).args[0]


def difference(one, two):
    return float((one - two).abs().max())
