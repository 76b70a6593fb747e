"""A custom node pack for test servers that stands in for a language model: it answers with a recorded text.

Copied into custom_nodes of the tests' servers; ComfyUI imports it there, so it may import nothing of ours.
"""

from pathlib import Path

ANSWERS = Path(r"@ANSWERS@")


class StandInTextGenerate:
    """prompt -> the answer of that name, whatever was asked; "echo" gives the prompt back."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "generate"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"prompt": ("STRING", {"forceInput": True}), "answer": ("STRING", {"default": "echo"})}}

    def generate(self, prompt, answer):
        return (prompt if answer == "echo" else (ANSWERS / f"{answer}.txt").read_bytes().decode("utf-8"),)


NODE_CLASS_MAPPINGS = {"StandInTextGenerate": StandInTextGenerate}
