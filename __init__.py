"""InstDiff: per-instance control of SD1.5 in ComfyUI. The front door, and nothing else.

ComfyUI loads this folder by its path and calls `comfy_entrypoint`.
"""

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint():
    """The pack's ComfyExtension.

    The import stays in here: `nodes` needs ComfyUI, while this file must also load without it (pytest
    imports the package it stands in, and the tests load the pack under another name).
    """
    from .nodes import InstDiffExtension

    return InstDiffExtension()
