"""Load InstDiff Model and Save InstDiff Model: weights files in, one weights file out."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import folder_paths
import torch
from comfy_api.latest import io
from safetensors import SafetensorError

from ..instdiff_modules.checkpoint.reading import read_checkpoint, write_checkpoint
from ..instdiff_modules.layout.fields import shorten, text
from ..instdiff_modules.layout.plain_files import shown_name
from .checks import check_choice, check_weights
from .model import build_instdiff_model, in_format
from .types import InstDiffModelSocket

_log = logging.getLogger(__name__)

FOLDER = "instdiff"
# Input -> folder under models/instance_models, where the older pack (logtd/ComfyUI-InstanceDiffusion) keeps its parts.
PARTS = {"fusers": "fuser_models", "position_net": "positionnet_models", "scaleu": "scaleu_models"}
THREE_FILES = "three files: fusers + position_net + scaleu"
NO_FILES = "no weights found"
AUTOMATIC = "automatic"
HELP = (
    "Put the authors' instancediffusion_sd15.pth (link on github.com/frank-xwang/InstanceDiffusion), the diffusers port's "
    "UNet (kyeongry/instancediffusion_sd15 on Hugging Face) or a file made by Save InstDiff Model into models/instdiff, or "
    "fusers.ckpt, position_net.ckpt and scaleu.ckpt (logtd/instance_diffusion on Hugging Face) into "
    "models/instance_models/fuser_models, positionnet_models and scaleu_models, then press R to refresh."
)
DTYPES = {"auto": None, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SAVE_DTYPES = {"as loaded": None, **{name: dtype for name, dtype in DTYPES.items() if dtype}}


def register_folders() -> None:
    """Make our folders known to ComfyUI (its API, its template downloads, extra_model_paths.yaml)."""
    own = os.path.join(folder_paths.models_dir, FOLDER)
    folder_paths.add_model_folder_path(FOLDER, own)
    for folder in PARTS.values():
        folder_paths.add_model_folder_path(folder, os.path.join(folder_paths.models_dir, "instance_models", folder))
    try:
        os.makedirs(own, exist_ok=True)  # so that a person sees where the file goes; the older pack's we leave alone
    except OSError as error:
        _log.warning("InstDiff: cannot make %s (%s); weights are found once it exists.", own, error.strerror)


def weight_files(folder: str) -> list[str]:
    """Names of the weights files in a registered folder; none if the folder does not exist."""
    suffixes = tuple(folder_paths.supported_pt_extensions)
    names = folder_paths.get_filename_list(folder)
    # Downloaders leave bookkeeping in hidden folders such as .cache.
    return [
        name
        for name in names
        if name.lower().endswith(suffixes) and not any(p.startswith(".") for p in Path(name).parts)
    ]


def model_choices() -> list[str]:
    """What the `model` menu offers: every single file, the three files if any of them is there, or a word that none is."""
    three = [THREE_FILES] if any(weight_files(folder) for folder in PARTS.values()) else []
    return [*weight_files(FOLDER), *three] or [NO_FILES]


def chosen_paths(model: str, parts: Mapping[str, str | None]) -> list[Path]:
    """Files of a choice of the `model` menu; `parts` maps an input of PARTS to a file name or AUTOMATIC.

    Raises ValueError, with what to do, if a file is not there or an automatic choice is not clear.
    """
    if model != THREE_FILES:
        return [_path(FOLDER, model)]
    return [_part_path(part, folder, parts.get(part) or AUTOMATIC) for part, folder in PARTS.items()]


class InstDiffLoadModel(io.ComfyNode):
    """Reads InstanceDiffusion's weights in any of the layouts in which they are passed around."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLoadModel",
            display_name="Load InstDiff Model",
            category="InstDiff",
            description="Loads InstanceDiffusion's weights (fusers, tokenizer, ScaleU). The Stable Diffusion 1.5 model itself is loaded by Load Checkpoint.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=model_choices(),
                    tooltip="A file in models/instdiff: the .pth of InstanceDiffusion's authors, the UNet of the "
                    "diffusers port, or a .safetensors made by Save InstDiff Model. "
                    "Or the three files of logtd/ComfyUI-InstanceDiffusion in models/instance_models. Recognised by content, not by name.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default="auto",
                    tooltip="Number format of the weights in memory: auto (what ComfyUI would choose for this machine), fp32, fp16 or bf16.",
                ),
                *(
                    io.Combo.Input(
                        part,
                        options=[AUTOMATIC, *weight_files(folder)],
                        default=AUTOMATIC,
                        optional=True,
                        tooltip=f"Only for the three files: which file of models/instance_models/{folder}. automatic: the only one there.",
                    )
                    for part, folder in PARTS.items()
                ),
            ],
            outputs=[
                InstDiffModelSocket.Output(
                    display_name="instdiff_model",
                    tooltip="InstanceDiffusion's weights, for Apply InstDiff or Save InstDiff Model.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, model: str | None) -> bool | str:
        """Says where weights come from and where they go, in place of ComfyUI's bare "value not in list"."""
        if model is None or (model != NO_FILES and model in model_choices()):  # None: the value comes over a link
            return True
        found = _shown([choice for choice in model_choices() if choice != NO_FILES]) or "nothing"
        problem = {NO_FILES: "No InstDiff weights are installed", THREE_FILES: "models/instance_models has no weights"}
        return f"{problem.get(str(model), f'{shorten(model)} is not in models/{FOLDER}')} (found: {found}). {HELP}"

    @classmethod
    def fingerprint_inputs(
        cls,
        model: str | None = None,
        dtype: str | None = None,  # noqa: ARG003 (every input comes by its name)
        **parts: str | None,
    ) -> str:
        """Changes when a file is replaced, so that it is read again. A value that comes over a link is not known here."""
        if model is None:
            return ""
        try:
            stats = [(str(path), path.stat()) for path in chosen_paths(model, parts)]
        except (OSError, ValueError) as error:
            return str(error)
        return "; ".join(f"{path} {stat.st_mtime_ns} {stat.st_size}" for path, stat in stats)

    @classmethod
    def execute(cls, model: str, dtype: str, **parts: str) -> io.NodeOutput:
        check_choice(dtype, DTYPES, "Load InstDiff Model", "dtype")
        checkpoint = read_checkpoint(chosen_paths(model, parts))
        return io.NodeOutput(build_instdiff_model(checkpoint, DTYPES[dtype]))


class InstDiffSaveModel(io.ComfyNode):
    """Writes one safetensors file that holds InstanceDiffusion's weights and nothing else."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffSaveModel",
            display_name="Save InstDiff Model",
            category="InstDiff",
            description="Saves InstanceDiffusion's weights as one .safetensors file in ComfyUI's output folder; move it to models/instdiff to load it.",
            inputs=[
                InstDiffModelSocket.Input(
                    "instdiff_model", tooltip="InstanceDiffusion's weights, from Load InstDiff Model."
                ),
                io.String.Input(
                    "filename_prefix",
                    default="instdiff/InstDiff",
                    tooltip="Start of the file name within the output folder, folders allowed; a free number is appended.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(SAVE_DTYPES),
                    default="as loaded",
                    tooltip="Number format in the file: as loaded (what the model has in memory), fp32, fp16 (half the size) or bf16.",
                ),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, instdiff_model, filename_prefix: str, dtype: str) -> io.NodeOutput:
        check_weights(instdiff_model)
        check_choice(dtype, SAVE_DTYPES, "Save InstDiff Model", "dtype")
        text(filename_prefix, "Save InstDiff Model", "filename_prefix")
        tensors = instdiff_model.state_dict()
        target = SAVE_DTYPES[dtype]
        if target is not None:
            tensors = in_format(tensors, target)
        try:
            path = next_path(filename_prefix)
            write_checkpoint(path, tensors, {"source": instdiff_model.source})
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or _reason(error)
            raise ValueError(
                f"The file {shorten(filename_prefix)} cannot be written: {reason}. Choose another name, or free disk space."
            ) from error
        _log.info("Saved the InstDiff model to %s", path)
        return io.NodeOutput(ui={"text": (f"Saved {path}",)})


def next_path(filename_prefix: str) -> Path:
    """An output file that does not exist yet, numbered as ComfyUI numbers them.

    Raises ValueError for a prefix without a name or outside of the output folder.
    """
    output = folder_paths.get_output_directory()
    inside = Path(os.path.abspath(os.path.join(output, filename_prefix))).is_relative_to(os.path.abspath(output))
    if (
        not inside
        or not filename_prefix.isprintable()
        or not Path(filename_prefix).name
        or filename_prefix.endswith(("/", "\\"))
    ):
        raise ValueError(
            f"The filename_prefix {shorten(filename_prefix)} is not a name inside ComfyUI's output folder: write one such as instdiff/InstDiff."
        )
    folder, name, counter, *_ = folder_paths.get_save_image_path(filename_prefix, output)
    while (path := Path(folder) / f"{name}_{counter:05}_.safetensors").exists():
        counter += 1
    return path


def _shown(names: Sequence[str]) -> str:
    """The first few names of a folder, as they may stand in a sentence."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown_name, names[:3])) + more


def _reason(error: Exception) -> str:
    """Why safetensors could not write, in the system's words: it tells their number alone for certain."""
    code = re.search(r"os error (\d{1,4})|code: (\d{1,4})", str(error))
    return os.strerror(int(code[1] or code[2])) if code else "writing failed"


def _path(folder: str, name: str) -> Path:
    found = folder_paths.get_full_path(folder, name) if isinstance(name, str) else None
    if found is None:
        place = FOLDER if folder == FOLDER else f"instance_models/{folder}"
        raise ValueError(
            f"{shorten(name)} is not in models/{place}: choose an existing file, or restore it and press R."
        )
    return Path(found)


def _part_path(part: str, folder: str, name: str) -> Path:
    if name != AUTOMATIC:
        return _path(folder, name)
    names = weight_files(folder)
    if len(names) != 1:
        found = "no file" if not names else f"{len(names)} files ({_shown(names)})"
        remedy = (
            f"choose one in the input {part}"
            if names
            else f"put {part}.ckpt there (logtd/instance_diffusion on Hugging Face)"
        )
        raise ValueError(f"models/instance_models/{folder} has {found}, expected one: {remedy}.")
    return _path(folder, names[0])


register_folders()

NODES = [InstDiffLoadModel, InstDiffSaveModel]
