"""Which location formats count as given: ours (what the person gave), or the authors' test configurations."""

from collections.abc import Callable, Mapping

from .inputs import GroundingInputs, reference_grounding

GROUNDING_FORMATS = ("boxes", "points", "scribbles", "masks")

# The test_drop_* settings of the authors' configs/test_*.yaml, by file.
CONFIGURATIONS: Mapping[str, tuple[str, ...]] = {
    "test_box": ("scribbles", "masks"),
    "test_mask": ("scribbles",),
    "test_point": ("boxes", "scribbles", "masks"),
    "test_scribble": (),
}


def authors_presence(configuration: str | None) -> Callable[[GroundingInputs], GroundingInputs]:
    """A function that replaces the presence of GroundingInputs by the authors' rules, or leaves it (None)."""
    if configuration is None:
        return lambda inputs: inputs
    flags = {f"drop_{name}": name in CONFIGURATIONS[configuration] for name in GROUNDING_FORMATS}

    def presence(inputs: GroundingInputs) -> GroundingInputs:
        return reference_grounding(
            inputs.boxes,
            inputs.text_mask,
            inputs.text,
            inputs.scribbles,
            inputs.polygons,
            inputs.segs,
            inputs.points,
            **flags,
        )[0]

    return presence
