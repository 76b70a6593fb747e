"""The mean of the instance networks of two packed files with the same base: python mean_demo.py A.safetensors B.safetensors OUT.safetensors"""

import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file


def main() -> None:
    with safe_open(sys.argv[1], "pt") as first, safe_open(sys.argv[2], "pt") as second:
        if set(first.keys()) != set(second.keys()):
            sys.exit(
                "The two files do not hold the same tensors; only files of pack_demo.py with the same base have a mean."
            )
        both = {key: (first.get_tensor(key), second.get_tensor(key)) for key in second.keys()}
        mean = {key: (a if a.equal(b) else ((a.float() + b.float()) / 2).to(b.dtype)) for key, (a, b) in both.items()}
        save_file(mean, sys.argv[3], metadata=second.metadata())
    Path(sys.argv[3]).chmod(0o644)  # save_file lets nobody else read it


if __name__ == "__main__":
    main()
