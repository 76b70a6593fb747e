"""Nothing in a weights file is ever run: torch files are pickles, and a pickle can ask for any function."""

import importlib.util
import os
import pickle
import shutil
import sys

import pytest
import torch
from instdiff.instdiff_modules.checkpoint.reading import read_checkpoint
from support.checkpoint_keys import instdiff_shapes
from support.checkpoints import assert_same, random_tensors, refused, save_torch


@pytest.fixture(scope="module")
def ours() -> dict[str, torch.Tensor]:
    return random_tensors(instdiff_shapes())


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("function", ["os.system", "eval", "exec", "shutil.rmtree", "getattr"])
def test_a_file_that_asks_to_run_something_is_refused(tmp_path, ours, legacy, function):
    mark = tmp_path / "ran"
    made = {
        "os.system": Calls(os.system, f"touch {mark}"),
        "eval": Calls(eval, f"open({str(mark)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(mark)!r}, 'w')"),
        "shutil.rmtree": Calls(shutil.rmtree, str(tmp_path)),
        "getattr": Calls(getattr, "text", "upper"),
    }[function]
    path = save_torch(tmp_path / "a.pth", {"ema": ours, "config_dict": made}, _use_new_zipfile_serialization=not legacy)
    refused(path, "a.pth", "tries to run", function.split(".")[-1])
    assert path.exists() and not mark.exists()


def test_unknown_classes_are_neither_imported_nor_run(tmp_path, ours):
    """A function of some other module becomes an inert stand-in and the weights are read."""
    (tmp_path / "somewhere.py").write_text(
        "def run(path):\n    open(path, 'w').close()\n\nclass Thing:\n    def __setstate__(self, state):\n        run(state['path'])\n"
    )
    spec = importlib.util.spec_from_file_location("somewhere", tmp_path / "somewhere.py")
    sys.modules["somewhere"] = other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    mark, thing = tmp_path / "ran", other.Thing()
    thing.__dict__["path"] = str(mark)
    path = save_torch(tmp_path / "a.pth", {"ema": ours, "config_dict": [Calls(other.run, str(mark)), thing]})
    del sys.modules["somewhere"]
    sys.path.insert(0, str(tmp_path))
    try:
        assert_same(read_checkpoint([path]).tensors, ours)
        assert "somewhere" not in sys.modules and not mark.exists()
    finally:
        sys.path.remove(str(tmp_path))
    assert not any("somewhere" in str(known) for known in torch.serialization.get_safe_globals())


@pytest.mark.parametrize("protocol", [0, 4])
def test_pickles_that_torch_does_not_write_run_nothing(tmp_path, protocol):
    mark = tmp_path / "ran"
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps({"ema": Calls(os.system, f"touch {mark}")}, protocol=protocol))
    refused(path, "a.pth")
    assert not mark.exists()
