"""Writing the demo model's file, which training does and the pack never."""

import json
from pathlib import Path

import torch
from instdiff.instdiff_modules.shapeworld.demo_file import FORMAT, VERSION, DemoFile
from safetensors.torch import save_file


def write_demo_file(path: Path, demo: DemoFile) -> None:
    """Every tensor as float16."""
    flat = {
        f"{part}.{key}": value.to(torch.float16).contiguous()
        for part, tensors in demo.tensors.items()
        for key, value in tensors.items()
    }
    save_file(flat, path, metadata={"format": FORMAT, "version": VERSION, "config": json.dumps(demo.config)})
