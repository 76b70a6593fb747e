"""Load EliGen LoRA: EliGen's weights for Apply Layout, in every form in which they are passed around."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths
from comfy_api.latest import io
from safetensors import SafetensorError
from torch import Tensor

from ..instdiff_modules.layout.fields import shorten
from ..instdiff_modules.regions.eligen_keys import check_layers, comfy_keys, layer_count
from ..instdiff_modules.regions.families import family_of
from . import checks

WHERE = "Load EliGen LoRA"
FOLDER = "loras"
SOURCES = "FLUX.1: ModelScope, DiffSynth-Studio/Eligen; Qwen-Image: Hugging Face, DiffSynth-Studio/Qwen-Image-EliGen"


class InstDiffLoadEliGen(io.ComfyNode):
    """MODEL -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLoadEliGen",
            display_name="Load EliGen LoRA",
            category="InstDiff",
            description="Loads EliGen's LoRA into FLUX.1 or Qwen-Image, for Apply Layout with its method EliGen. Reads the files as they were published.",
            inputs=[
                io.Model.Input(
                    "model", tooltip="A FLUX.1 or Qwen-Image model. It is not changed: the output is a patched copy."
                ),
                io.Combo.Input(
                    "lora",
                    options=folder_paths.get_filename_list(FOLDER),
                    tooltip="EliGen's file in models/loras, for the same family as the model.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How strongly the LoRA acts, 0..2. 1: as trained. 0: the model is unchanged.",
                ),
            ],
            outputs=[io.Model.Output(tooltip="The model with EliGen's weights, for Apply Layout.")],
        )

    @classmethod
    def validate_inputs(cls, lora: str | None) -> bool | str:
        """Says where the file comes from and goes, in place of ComfyUI's bare "value not in list"."""
        try:
            if lora is not None:  # None: the value comes over a link
                lora_path(lora)
        except ValueError as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, lora: str | None = None, **others: Any) -> str:  # noqa: ARG003 (every input comes by its name)
        """Changes when the file is replaced, so that it is read again."""
        try:
            found = lora_path(lora).stat() if lora is not None else None
        except (OSError, ValueError) as error:
            return str(error)
        return f"{found.st_mtime_ns} {found.st_size}" if found else ""

    @classmethod
    def execute(cls, model: Any, lora: str, strength: float = 1.0) -> io.NodeOutput:
        checks.check_model(model)
        checks.number_in(strength, 0, 2, WHERE, "strength")
        family = family_of(model.get_model_object("diffusion_model"), model.model)
        if not family.eligen:
            raise ValueError(
                f"{WHERE}: EliGen exists for FLUX.1 and Qwen-Image, the MODEL is of kind {family.name}. Apply Layout steers it without a LoRA."
            )
        weights = read_lora(lora_path(lora))
        try:
            check_layers(weights)
        except ValueError as problem:
            raise ValueError(
                f"{WHERE}: {shorten(lora)} is damaged or not EliGen's: its {problem}. Download it again."
            ) from None
        if strength == 0:
            return io.NodeOutput(model.clone())
        with_lora, _ = comfy.sd.load_lora_for_models(model, None, comfy_keys(weights), strength, 0.0)
        layers, loaded = layer_count(weights), _fitting_count(model, with_lora)
        if not layers or loaded < layers:
            raise ValueError(
                f"{WHERE}: {loaded} of the {layers} layers of {shorten(lora)} fit the {family.name} MODEL. Choose EliGen's file for this family: {SOURCES}."
            )
        return io.NodeOutput(with_lora)


def lora_path(name: Any) -> Path:
    """The file of a choice of the menu `lora`; ValueError, with what to do, if it is not there."""
    found = folder_paths.get_full_path(FOLDER, name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"{WHERE}: {shorten(name)} is not in models/{FOLDER}. Put EliGen's file there and press R: {SOURCES}."
        )
    return Path(found)


def read_lora(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, without whatever else it holds; ValueError if it cannot be read."""
    try:
        weights = comfy.utils.load_torch_file(str(path), safe_load=True)
    except (
        SafetensorError, UnpicklingError, OSError, ValueError, RuntimeError, EOFError, AttributeError, TypeError
    ) as error:  # fmt: skip
        # the last two where a pickle holds no dictionary
        raise ValueError(f"{WHERE}: {path.name} cannot be read. It may be incomplete: download it again.") from error
    entries = weights.items() if isinstance(weights, dict) else ()
    return {key: value for key, value in entries if isinstance(key, str) and isinstance(value, Tensor)}


def _fitting_count(model: Any, with_lora: Any) -> int:
    """How many layers of a LoRA have their place in the MODEL, of their size: ComfyUI leaves out others as it samples."""
    added = (
        (key, patch)
        for key, patches in with_lora.patches.items()
        for patch in patches[len(model.patches.get(key, ())) :]
    )
    return sum(_fits(with_lora.model, key, *patch) for key, patch in added)


def _fits(model: Any, key: str, _strength: float, lora: Any, _model: float, part: Any = None, *_: Any) -> bool:
    """Whether ComfyUI's patch for the weight `key` has its shape; part: (axis, begin, length) of it that is meant."""
    if getattr(lora, "name", None) != "lora":
        return False
    module = comfy.utils.get_attr(model, key.rpartition(".")[0])
    shape = [getattr(module, "out_features", None), getattr(module, "in_features", None)]
    if part is not None:
        shape[part[0]] = part[2]
    up, down = lora.weights[:2]
    return None in shape or shape == [up.shape[0], down.shape[1:].numel()]


NODES = [InstDiffLoadEliGen]
