"""The trainer's loop on a tiny UNet: resuming after kill -9, several processes, averages, what stops it."""

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from instdiff.instdiff_modules.training import base
from instdiff.instdiff_modules.training.loop import Events
from instdiff.instdiff_modules.training.states import States, locked
from support import tiny_training as tiny

TESTS = Path(__file__).resolve().parent
SCRIPT = (
    f"import sys; sys.path.insert(0, {str(TESTS)!r}); from support.pack import load_pack; load_pack(); "
    "from support.tiny_training import main; main(*sys.argv[1:])"
)
STEPS = 24


def start(*arguments: object, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-I", "-c", SCRIPT, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_killed_at_any_moment_it_goes_on_with_the_same_bits(tmp_path):
    whole = tiny.trainer(None, STEPS)
    whole.run()
    states, rng = States(tmp_path), random.Random(5)
    for until in (3, 11):
        process = start(tmp_path, STEPS)
        while process.poll() is None and (states.steps() or [0])[-1] < until:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.03)  # in the middle of a step or of writing
        process.kill()
        process.wait()
    assert states.steps() and states.steps()[-1] < STEPS, "it was to be killed before its end"
    (tmp_path / ".step-00000099.pt.part").write_bytes(b"half a state")
    rest = tiny.trainer(tmp_path, STEPS)
    assert rest.resume() and rest.step == states.steps()[-1]
    rest.run()
    assert same(rest.weights(), whole.weights()) and rest.best == whole.best
    assert same(rest.ema.shadow, whole.ema.shadow)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000022.pt", "step-00000024.pt"]


def test_two_processes_have_the_gradients_of_one_at_double_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    team = [
        start(
            tmp_path,
            1,
            tmp_path / f"{rank}.pt",
            RANK=str(rank),
            WORLD_SIZE="2",
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
        )
        for rank in (0, 1)
    ]
    alone: dict = {}
    run = tiny.trainer(None, 1, max_grad_norm=0.0)
    run.events = Events(stepped=lambda *_: alone.update({n: p.grad.clone() for n, p in run.trained.items()}))
    run.run()
    assert [process.wait(60) for process in team] == [0, 0]
    shared = torch.load(tmp_path / "0.pt", weights_only=True)
    assert shared.keys() == alone.keys()
    size = max(gradient.abs().max() for gradient in alone.values())
    assert size > 0 and all((shared[n] - alone[n]).abs().max() <= 1e-6 * size for n in alone)


def test_accumulated_parts_and_recomputed_layers_change_nothing():
    plain = tiny.trainer(None, 3)
    plain.run()
    recomputed = tiny.trainer(None, 3, gradient_checkpointing=True)
    recomputed.run()
    assert same(plain.weights(), recomputed.weights())
    halves = tiny.trainer(None, 1, _Halves(), gradient_accumulation_steps=2)
    halves.run()
    one = tiny.trainer(None, 1)
    one.run()
    ours, theirs = halves.weights(), one.weights()
    assert all(torch.allclose(ours[n], theirs[n], atol=2e-3) for n in ours)


class _One(tiny.MadeUp):
    """Always the same batch."""

    def batch(self, number, rank, size):
        return super().batch(0, rank, size)


class _Halves(tiny.MadeUp):
    def batch(self, number, rank, size):
        return super().batch(number // 2, number % 2, 2)


def test_only_what_is_named_is_trained():
    run = tiny.trainer(None, 2)
    net = tiny.network(("scaleu",))
    first = net.official()
    run = type(run)(net, tiny.MadeUp(), run.settings, run.loss.alphas, "v")
    run.run()
    moved = {name for name, value in run.weights().items() if not torch.equal(value, first[name])}
    assert moved == {"scaleu_b_0", "scaleu_s_0"}


def test_a_loss_that_is_not_a_number_stops_and_the_state_before_it_is_kept(tmp_path):
    run = tiny.trainer(tmp_path, 8, tiny.MadeUp(spoiled=3))
    with pytest.raises(ValueError, match=r"loss of step 4 is not a number, with picture 3\.0"):
        run.run()
    assert States(tmp_path).steps() == [2, 3]
    whole = tiny.trainer(None, 3)
    whole.run()
    assert same(States(tmp_path).newest()["ema"], whole.ema.shadow)


def test_a_damaged_state_is_passed_over_and_one_of_another_training_refused(tmp_path, caplog):
    run = tiny.trainer(tmp_path, 4)
    run.run()
    path = States(tmp_path).path(4)
    path.write_bytes(path.read_bytes()[:1000])
    again = tiny.trainer(tmp_path, 4)
    assert again.resume() and again.step == 2 and "step-00000004.pt cannot be read" in caplog.text
    again.identity = "other sizes"
    with pytest.raises(ValueError, match="of other parts"):
        again.resume()


def test_a_full_disk_keeps_the_states_that_are_there(tmp_path, monkeypatch):
    run = tiny.trainer(tmp_path, 2)
    run.run()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(ValueError, match="No space left on device"):
        States(tmp_path).save(3, run.state())
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002.pt"]


def test_a_second_training_of_the_same_output_is_refused(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match="Another training writes to"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_much_the_same(precision):
    plain, half = tiny.trainer(None, 4), tiny.trainer(None, 4, mixed_precision=precision)
    seen: dict[str, list] = {"plain": [], "half": []}
    plain.events = Events(stepped=lambda _, loss, *__: seen["plain"].append(loss))
    half.events = Events(stepped=lambda _, loss, *__: seen["half"].append(loss))
    plain.run()
    half.run()
    assert seen["half"] == pytest.approx(seen["plain"], rel=0.02) and seen["half"] != seen["plain"]
    assert half.scaler.is_enabled() == (precision == "fp16")


def test_the_average_on_the_cpu_is_the_same():
    here, there = tiny.trainer(None, 3), tiny.trainer(None, 3, ema_on_cpu=True)
    here.run()
    there.run()
    assert same(here.ema.shadow, there.ema.shadow)


def test_bases_of_another_family_are_refused():
    with pytest.raises(ValueError, match=r"The base is a Linear, expected the UNet of Stable Diffusion 1\.5"):
        base.sizes(torch.nn.Linear(2, 2), 12, 4, 16)


def test_adafactor_learns_resumes_and_keeps_next_to_nothing(tmp_path):
    rates = {"optimizer_type": "AdaFactor", "learning_rate": 0.05}
    losses = []
    one = tiny.trainer(None, 40, _One(), **rates)
    one.events = Events(stepped=lambda step, loss, rate, norm: losses.append(loss))
    one.run()
    assert losses[-1] < 0.8 * losses[0]
    whole = tiny.trainer(tmp_path / "whole", 40, **rates)
    whole.run()
    kept = sum(v.numel() for state in whole.optimizer.state.values() for v in state.values() if torch.is_tensor(v))
    assert kept < 0.5 * sum(p.numel() for p in whole.trained.values())
    tiny.trainer(tmp_path / "cut", 25, **rates).run()
    rest = tiny.trainer(tmp_path / "cut", 40, **rates)
    assert rest.resume() and rest.step == 25
    rest.run()
    assert same(rest.weights(), whole.weights())
    with pytest.raises(ValueError, match="with another optimizer"):
        tiny.trainer(tmp_path / "cut", 41).resume()
