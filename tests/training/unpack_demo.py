"""Training states out of a packed file, to go on from it: python unpack_demo.py FILE STATE_DIR - and `heads.pt`, which is not shipped.

Words that the file does not know begin with random embeddings, slots that it lacks see masks as its own do.
"""

import sys
from pathlib import Path

import grounded
import lab
import tokens
import torch
from instdiff.instdiff_modules.checkpoint.reading import write_checkpoint
from instdiff.instdiff_modules.shapeworld.demo_file import EMBEDDING, read_demo_file

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "instdiff_modules" / "shapeworld" / "demo_model.safetensors"
SEES = "position_net.in_conv.weight"


def rest_of(file: Path) -> Path:
    """What training needs beside the weights of a packed file; of the shipped one it lies beside the scripts. `pack_demo.py` writes it."""
    return (HERE if file.resolve() == SHIPPED else file.parent) / "heads.pt"


def grow(text: dict[str, torch.Tensor], instdiff: dict[str, torch.Tensor]) -> None:
    """To the words and slots of today, in place."""
    text[EMBEDDING] = text[EMBEDDING][: len(tokens.vocabulary()) + 1]  # behind these, words that share an embedding
    rows, width = text[EMBEDDING].shape
    new = text[EMBEDDING].std() * torch.randn(
        len(tokens.vocabulary()) + 1 - rows, width, generator=torch.Generator().manual_seed(0)
    )
    text[EMBEDDING] = torch.cat((text[EMBEDDING], new))
    slots = instdiff[SEES].shape[1]
    instdiff[SEES] = torch.stack([instdiff[SEES][:, i % slots] for i in range(grounded.SLOTS)], 1)


def main() -> None:
    file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    parts = {
        name: {key: value.float() for key, value in part.items()} for name, part in read_demo_file(file).tensors.items()
    }
    grow(parts["text"], parts["instdiff"])
    rest = lab.load_state(rest_of(file)) or lab.load_state(HERE / "heads.pt")  # a mean of files has none of its own
    write_checkpoint(folder / "instdiff.safetensors", parts["instdiff"], {})
    lab.save_state(folder / "vae_final.pt", parts["vae"])
    base = {f"{name}.{key}": value for name in ("unet", "text") for key, value in parts[name].items()}
    base |= {f"heads.{key}": value.float() for key, value in rest["heads"].items()}
    net = grounded.Grounding()
    net.load_official_state_dict(parts["instdiff"])
    for name, model in (("base", base), ("instances", net.state_dict())):
        lab.save_state(
            folder / f"{name}.pt", {"model": model, "ema": model, "ema_steps": 1000, "step": rest["steps"][name]}
        )


if __name__ == "__main__":
    main()
