"""The mean of the instance networks of two packed files with the same base: python mean_demo.py A.safetensors B.safetensors OUT.safetensors

B may hold instance networks alone.
"""

import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file


def main() -> None:
    with safe_open(sys.argv[1], "pt") as first, safe_open(sys.argv[2], "pt") as second:
        if not set(second.keys()) <= set(first.keys()):
            sys.exit("The second file holds other tensors than the first; only files with the same base have a mean.")
        mean = {key: first.get_tensor(key) for key in first.keys()}
        for key in second.keys():
            one, other = mean[key], second.get_tensor(key)
            mean[key] = one if one.equal(other) else ((one.float() + other.float()) / 2).to(one.dtype)
        save_file(mean, sys.argv[3], metadata=first.metadata())
    Path(sys.argv[3]).chmod(0o644)  # save_file lets nobody else read it


if __name__ == "__main__":
    main()
