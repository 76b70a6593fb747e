"""Train InstDiff: a short training inside a graph."""

import hashlib
import os
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_api.latest import io, ui

from ..instdiff_modules.checkpoint.reading import Checkpoint
from ..instdiff_modules.layout.fields import number_in, shorten, text
from .checks import check_choice, check_clip, check_model, check_vae, check_weights, check_whole
from .model import build_instdiff_model
from .types import InstDiffModelSocket

WHERE = "Train InstDiff"
MAX_SEED = 2**63 - 1
PARTS = {
    "everything": ("tokenizer", "fusers", "scaleu"),
    "tokenizer": ("tokenizer",),
    "fusers + ScaleU": ("fusers", "scaleu"),
    "ScaleU": ("scaleu",),
}
PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
SMALL = (
    100e6  # parameters of a base, such as the demo model's, for which the published sizes would be out of proportion
)
SMALL_SIZES = {"mask_backbone": "small", "mid_dim": 512}


class InstDiffTrain(io.ComfyNode):
    """MODEL + CLIP + VAE + a folder of pictures with layouts -> INSTDIFF_MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffTrain",
            display_name="Train InstDiff",
            category="InstDiff",
            description="Trains InstDiff's layers on pictures with layouts, around a base model that stays as it is. For short trainings; longer "
            "ones run from the command line.",
            inputs=[
                io.Model.Input("model", tooltip="The base: Stable Diffusion 1.5, SDXL or the demo model. It is copied, not changed."),
                io.Clip.Input("clip", tooltip="The base's CLIP, which encodes the prompts."),
                io.Vae.Input("vae", tooltip="The base's VAE, which encodes the pictures."),
                io.String.Input(
                    "folder",
                    default="instdiff_dataset",
                    tooltip="Folder with pictures, each with a layout of the same name (cat.png, cat.json): a path, or a name within ComfyUI's "
                    "output or input folder. Save Layout Dataset writes such folders; connect its path.",
                ),
                InstDiffModelSocket.Input(
                    "instdiff_model",
                    optional=True,
                    tooltip="Weights to train further. Not connected: training starts from nothing and needs thousands of pictures.",
                ),
                io.Combo.Input(
                    "train",
                    options=list(PARTS),
                    default="everything",
                    tooltip="Which layers are trained. Fusers + ScaleU take less memory and keep how locations are read.",
                ),
                io.Int.Input("steps", default=500, min=1, max=100_000, tooltip="Training steps. More steps with the same settings resume."),
                io.Float.Input(
                    "learning_rate",
                    default=5e-5,
                    min=1e-7,
                    max=0.1,
                    step=1e-6,
                    tooltip="Step size of the optimizer, AdamW. The authors trained with 5e-5; small bases such as the demo model take 1e-3.",
                ),
                io.Int.Input("batch_size", default=1, min=1, max=256, tooltip="Pictures in each step. More need more memory."),
                io.Int.Input(
                    "resolution",
                    default=512,
                    min=64,
                    max=2048,
                    step=64,
                    tooltip="Pictures are resized to the pixels of a square with this side, 64..2048; their shape is kept. SD1.5: 512, SDXL: 1024, "
                    "the demo model: 256.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=MAX_SEED,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Decides noise, order and what is left out of each layout. The same seed trains the same weights on the same machine.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="fp32",
                    optional=True,
                    tooltip="Number format of the base and of the products; the trained weights stay in fp32. bf16 halves the memory on recent cards.",
                ),
                io.Float.Input(
                    "validation_split",
                    default=0.0,
                    min=0.0,
                    max=0.9,
                    step=0.01,
                    optional=True,
                    tooltip="Share of the pictures, 0..0.9, that is held out: never trained on, and measured at the end.",
                ),
            ],
            outputs=[
                InstDiffModelSocket.Output(display_name="instdiff_model", tooltip="For Apply InstDiff, or Save InstDiff Model to keep it."),
                io.Image.Output(display_name="losses", tooltip="The losses of all steps as a picture."),
                io.String.Output(display_name="report", tooltip="Steps, pictures and losses in words."),
            ],
        )  # fmt: skip

    @classmethod
    def fingerprint_inputs(cls, folder: Any = None, **_: Any) -> str:
        """Changes with the folder's files, so that a dataset that grew is trained on again."""
        try:
            path = dataset_path(folder)
        except ValueError:
            return ""
        seen = hashlib.sha256()
        try:
            for file in sorted(path.iterdir()):
                about = file.lstat()  # a link may lead nowhere
                seen.update(os.fsencode(file.name) + f" {about.st_size} {about.st_mtime_ns}\n".encode())
        except OSError:  # not readable, or removed while it is read: execute() says it
            return ""
        return seen.hexdigest()

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        folder: Any,
        train: Any,
        steps: Any,
        learning_rate: Any,
        batch_size: Any,
        resolution: Any,
        seed: Any,
        instdiff_model: Any = None,
        precision: Any = "fp32",
        validation_split: Any = 0.0,
    ) -> io.NodeOutput:
        check_model(model)
        check_clip(clip)
        check_vae(vae)
        if instdiff_model is not None:
            check_weights(instdiff_model)
        check_choice(train, PARTS, WHERE, "train")
        check_choice(precision, PRECISIONS, WHERE, "precision")
        for name, value, low, high in (
            ("steps", steps, 1, 100_000),
            ("batch_size", batch_size, 1, 256),
            ("resolution", resolution, 64, 2048),
            ("seed", seed, 0, MAX_SEED),
        ):
            check_whole(value, low, high, WHERE, name)
        settings = {
            "train_parts": list(PARTS[train]),
            "learning_rate": number_in(learning_rate, 1e-7, 0.1, WHERE, "learning_rate"),
            "train_batch_size": int(batch_size),
            "resolution": int(resolution),
            "min_bucket_reso": max(int(resolution) // 2, 64),
            "max_bucket_reso": 2 * int(resolution),
            "seed": int(seed),
            "mixed_precision": PRECISIONS[precision],
            "validation_split": number_in(validation_split, 0, 0.9, WHERE, "validation_split"),
        }
        path = dataset_path(folder)
        with torch.inference_mode(False), torch.enable_grad():
            checkpoint = None if instdiff_model is None else _checkpoint(instdiff_model)
            result = _train(model, clip, vae, path, settings, int(steps), checkpoint)
        trained = build_instdiff_model(result.checkpoint)
        picture = torch.from_numpy(np.asarray(result.table.picture(), np.float32) / 255)[None]
        return io.NodeOutput(trained, picture, result.report, ui=ui.PreviewText(result.report))


def dataset_path(folder: Any) -> Path:
    """The folder that is named: a path, or a name within ComfyUI's output or input folder."""
    given = text(folder, WHERE, "folder").strip()
    roots = [Path(root()) for root in (folder_paths.get_output_directory, folder_paths.get_input_directory)]
    home = os.path.expanduser(given)
    for path in [Path(home)] if os.path.isabs(home) else [root / given for root in roots]:
        if given and os.path.isdir(path):  # False, too, for what can be no path
            return path
    raise ValueError(
        f"{WHERE}: there is no folder {shorten(given)}. Write its path, or its name within ComfyUI's output or input folder."
    )


def _checkpoint(instdiff_model: Any) -> Checkpoint:
    weights = {name: tensor.float().cpu().clone() for name, tensor in instdiff_model.state_dict().items()}
    return Checkpoint(weights, instdiff_model.config, instdiff_model.source)


def _train(
    model: Any, clip: Any, vae: Any, path: Path, settings: dict[str, Any], steps: int, checkpoint: Checkpoint | None
) -> Any:
    from ..instdiff_modules.training.cache import digest_of
    from ..instdiff_modules.training.config import parse_config
    from ..instdiff_modules.training.dataset import read_datasets
    from ..instdiff_modules.training.short import state_folder, train_short
    from .training_base import base_of, copied

    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(settings["mixed_precision"], torch.float32)
    with torch.no_grad():
        base = base_of(copied(model), clip, vae, comfy.model_management.get_torch_device(), dtype)
    small = sum(p.numel() for p in base.unet.parameters()) < SMALL and checkpoint is None
    key = repr(
        (
            settings,
            base.text_key,
            base.picture_key,
            str(path),
            digest_of(base.unet.state_dict()),
            checkpoint and digest_of(checkpoint.tensors),
        )
    )
    output = state_folder(Path(folder_paths.get_temp_directory()), hashlib.sha256(key.encode()).hexdigest()[:16])
    config = parse_config(
        {
            **settings,
            **(SMALL_SIZES if small else {}),
            "pretrained_model_name_or_path": "the MODEL",
            "output_dir": str(output),
            "cache_dir": str(output.parent / "cache"),
            "max_train_steps": steps,
            "validate_every_n_steps": max(steps // 4, 1),
            "datasets": [{"image_dir": str(path)}],
        }
    )
    stopped = comfy.model_management.throw_exception_if_processing_interrupted
    progress = comfy.utils.ProgressBar(steps)

    def told(*_: Any) -> None:
        stopped()

    result = train_short(
        config,
        base,
        read_datasets(config),
        checkpoint,
        told,
        lambda step: progress.update_absolute(step, steps),
        comfy.model_management.processing_interrupted,
    )
    stopped()  # what was done is saved: the same settings resume
    return result


NODES = [InstDiffTrain]
