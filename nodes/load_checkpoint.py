"""Load Checkpoint and InstDiff: the base model and its InstDiff weights in one node, or the demo model in their place."""

from pathlib import Path
from typing import Any

import comfy.sd
import folder_paths
from comfy_api.latest import io

from ..instdiff_modules.checkpoint.reading import read_checkpoint
from ..instdiff_modules.layout.fields import shorten
from ..instdiff_modules.layout.plain_files import shown_name
from ..instdiff_modules.shapeworld.known_words import CHOICE as DEMO
from .demo_model import DEMO_FILE, InstDiffLoadDemoModel
from .load import AUTOMATIC, FOLDER, HELP, THREE_FILES, chosen_paths, model_choices, weight_files
from .model import build_instdiff_model
from .types import InstDiffModelSocket

# LoRAs that fit the demo model alone, so that a template with one runs without a download.
DEMO_LORAS = DEMO_FILE.parent / "loras"
CHECKPOINTS = "checkpoints"
WHERE = "Load Checkpoint and InstDiff"

folder_paths.add_model_folder_path("loras", str(DEMO_LORAS))


def checkpoint_choices() -> list[str]:
    """The demo model first, so that a new graph runs; then the user's files."""
    return [DEMO, *folder_paths.get_filename_list(CHECKPOINTS)]


def weight_choices() -> list[str]:
    return [AUTOMATIC, *(name for name in model_choices() if name == THREE_FILES or name in weight_files(FOLDER))]


class InstDiffLoadCheckpoint(io.ComfyNode):
    """-> MODEL, CLIP, VAE, INSTDIFF_MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InstDiffLoadCheckpoint",
            display_name="Load Checkpoint and InstDiff",
            category="InstDiff",
            description="Loads a Stable Diffusion 1.5 checkpoint together with InstanceDiffusion's weights, or the demo model, which needs no files.",
            inputs=[
                io.Combo.Input(
                    "checkpoint",
                    options=checkpoint_choices(),
                    default=DEMO,
                    tooltip="A Stable Diffusion 1.5 checkpoint in models/checkpoints; or the demo model, which comes with the pack and draws coloured shapes.",
                ),
                io.Combo.Input(
                    "weights",
                    options=weight_choices(),
                    default=AUTOMATIC,
                    optional=True,
                    tooltip="InstanceDiffusion's weights for the checkpoint. automatic: the only ones installed. The demo model has its own and ignores this.",
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="The base model, for Apply InstDiff or any sampler."),
                io.Clip.Output(tooltip="Its text encoder, for CLIP Text Encode and Apply InstDiff."),
                io.Vae.Output(tooltip="Its VAE."),
                InstDiffModelSocket.Output(
                    display_name="instdiff_model", tooltip="InstanceDiffusion's weights, for Apply InstDiff."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, checkpoint: str | None, weights: str | None = AUTOMATIC) -> bool | str:
        """Says what is not there and where it goes, in place of ComfyUI's bare "value not in list"."""
        try:
            if checkpoint not in (None, DEMO):  # None: the value comes over a link
                checkpoint_path(checkpoint)
                weight_paths(weights or AUTOMATIC)
        except ValueError as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, checkpoint: str | None = None, weights: str | None = None) -> str:
        """Changes when a file is replaced, so that it is read again. A value that comes over a link is not known here."""
        if checkpoint is None:
            return ""
        if checkpoint == DEMO:
            return InstDiffLoadDemoModel.fingerprint_inputs()
        try:
            paths = [checkpoint_path(checkpoint), *weight_paths(weights or AUTOMATIC)]
            stats = [(str(path), path.stat()) for path in paths]
        except (OSError, ValueError) as error:
            return str(error)
        return "; ".join(f"{path} {stat.st_mtime_ns} {stat.st_size}" for path, stat in stats)

    @classmethod
    def execute(cls, checkpoint: str, weights: str = AUTOMATIC) -> io.NodeOutput:
        if checkpoint == DEMO:
            return InstDiffLoadDemoModel.execute()
        path, parts = checkpoint_path(checkpoint), weight_paths(weights)
        instdiff_model = build_instdiff_model(
            read_checkpoint(parts)
        )  # first: a wrong file is told before gigabytes are read
        return io.NodeOutput(*_base(path), instdiff_model)


def checkpoint_path(name: Any) -> Path:
    """The file of a choice of the menu `checkpoint`; ValueError if it is not there."""
    found = folder_paths.get_full_path(CHECKPOINTS, name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"{WHERE}: {shorten(name)} is not in models/{CHECKPOINTS}. Put a Stable Diffusion 1.5 checkpoint there and press R, or choose {DEMO!r}."
        )
    return Path(found)


def weight_paths(name: Any) -> list[Path]:
    """The files of a choice of the menu `weights`. ValueError, with what to do, if they are not there or not clear."""
    if name != AUTOMATIC:
        return chosen_paths(name, {})
    found = weight_choices()[1:]
    if not found:
        raise ValueError(f"No InstDiff weights are installed. {HELP}")
    if len(found) > 1:
        names = ", ".join(map(shown_name, found[:3])) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise ValueError(f"{WHERE}: {len(found)} InstDiff weights are installed ({names}). Choose one as weights.")
    return chosen_paths(found[0], {})


def _base(path: Path) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE as ComfyUI's Load Checkpoint gives them."""
    embeddings = folder_paths.get_folder_paths("embeddings")
    loaded = comfy.sd.load_checkpoint_guess_config(
        str(path), output_vae=True, output_clip=True, embedding_directory=embeddings
    )
    return loaded[:3]


NODES = [InstDiffLoadCheckpoint]
