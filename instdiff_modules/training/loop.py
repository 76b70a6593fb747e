"""The loop of a training: steps, averages, states, the best; the same bits whether it was cut off or not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ..grounding.inputs import GroundingInputs
from ..sampling.attention_mask import MaskedAttention
from . import objective, schedule
from .ema import Ema
from .grounded import Boxes, Grounded, fill_missing_gradients
from .optimizers import ADAMW, optimizer_of
from .recompute import recomputed
from .settings import Settings
from .states import States
from .team import Team


class Batch(NamedTuple):
    """Latents and noise (B, 4, h, w), time steps (B,), captions (B, tokens, width), locations after the drops, boxes for masked
    attention (or None), the names of the pictures, and what an SDXL UNet takes beside the captions (B, n)."""

    latents: Tensor
    noise: Tensor
    t: Tensor
    context: Tensor
    inputs: GroundingInputs
    boxes: Boxes | None
    names: Sequence[str]
    vector: Tensor | None = None


class Data(Protocol):
    """Where batches come from. Each depends on its number alone."""

    def batch(self, number: int, rank: int, size: int) -> Batch:
        """The share of process `rank` of `size` in the batch with this number, on the device."""
        ...

    def held_out(self) -> Iterable[Batch]:
        """Batches that are never trained on, always the same; may be empty."""
        ...


@dataclass
class Events:
    """What the loop tells others, all of it after a step and in the first process alone. None: nobody listens."""

    stepped: Callable[[int, float, float, float], None] | None = None  # step, loss, rate, gradient norm
    validated: Callable[[int, float, bool], None] | None = None  # step, loss, whether it is the best so far
    saved: Callable[[int], None] | None = None
    cancelled: Callable[[], bool] = field(default=lambda: False)


class Trainer:
    """Trains `net` on `data` up to settings.max_train_steps. With states, it goes on where the newest one ends."""

    def __init__(
        self,
        net: Grounded,
        data: Data,
        settings: Settings,
        alphas: Tensor,
        prediction: str,
        *,
        masked: MaskedAttention | None = None,
        states: States | None = None,
        device: torch.device | str = "cpu",
        team: Team | None = None,
        events: Events | None = None,
        identity: str = "",
    ) -> None:
        """identity: says what is trained; a state that says otherwise is refused."""
        self.net, self.data, self.settings, self.states, self.identity = net, data, settings, states, identity
        self.device, self.team, self.events = torch.device(device), team or Team(), events or Events()
        self.step, self.best = 0, float("inf")
        self.trained = net.trained()
        if not self.trained:
            raise ValueError("Nothing is to be trained. Name at least one of tokenizer, fusers, scaleu in train_parts.")
        self.optimizer = optimizer_of(settings, self.trained.values())
        where = torch.device("cpu") if settings.ema_on_cpu else None
        self.ema = Ema(self.trained, where) if settings.use_ema else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.mixed_precision == "fp16")
        self.loss = _Loss(net, alphas.to(self.device), prediction, masked, self.device, settings.mixed_precision)

    def resume(self) -> bool:
        """Take over the newest state, if there is one. ValueError if it is of another training."""
        state = self.states.newest() if self.states else None
        if state is None:
            return False
        about = self.settings.optimizer_type, self.identity
        if (state.get("optimizer_type", ADAMW), state["identity"]) != about:
            raise ValueError(
                f"The state in {self.states.folder if self.states else ''} is of a training of other parts or sizes, or with another "
                "optimizer. Choose another output_name, or remove that folder to begin anew."
            )
        for name, parameter in self.trained.items():
            parameter.data.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema and state["ema"]:
            self.ema.load(state["ema"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.best = state["step"], state["best"]
        return True

    def run(self) -> None:
        """Until the last step. ValueError with a sentence at the first loss that is not a number, after saving the last good state."""
        settings = self.settings
        with ExitStack() as stack:
            if settings.gradient_checkpointing:
                stack.enter_context(recomputed(self.net.base))
            shared = self.team.wrap(self.loss)
            try:
                while self.step < settings.max_train_steps and not self.events.cancelled():
                    self._step(shared)
                    self._after()
            except KeyboardInterrupt:
                self.save()
                raise
        self.save()

    def _step(self, shared: nn.Module) -> None:
        settings, parts = self.settings, self.settings.gradient_accumulation_steps
        rate = settings.learning_rate * schedule.factor(
            settings.lr_scheduler, self.step, settings.lr_warmup_steps, settings.max_train_steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in range(parts):
            batch = self.data.batch(self.step * parts + part, self.team.rank, self.team.size)
            with self.team.alone(shared, part < parts - 1):
                loss = shared(batch)
                self.scaler.scale(loss / parts).backward()
            mean = self.team.mean(loss.detach())
            if not torch.isfinite(mean):
                self._give_up(batch)
            total += mean.item() / parts
        self.scaler.unscale_(self.optimizer)
        fill_missing_gradients(list(self.trained.values()))
        norm = nn.utils.clip_grad_norm_(self.trained.values(), settings.max_grad_norm or float("inf"))
        if settings.mixed_precision != "fp16" and not torch.isfinite(norm):
            self._give_up(batch)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema:
            early = (1 + self.step) / (10 + self.step) if settings.ema_warmup else 1.0
            self.ema.update(self.trained, min(settings.ema_decay, early))
        self.step += 1
        if self.events.stepped and not self.team.rank:
            self.events.stepped(self.step, total, rate, norm.item())

    def _give_up(self, batch: Batch) -> None:
        self.save()
        raise ValueError(
            f"The loss of step {self.step + 1} is not a number, with {', '.join(batch.names[:4])}. The state before it is saved. "
            "Look at these pictures, or try a lower learning_rate, or bf16."
        )

    def _after(self) -> None:
        settings, ended = self.settings, self.step == self.settings.max_train_steps
        if settings.validate_every_n_steps and (ended or self.step % settings.validate_every_n_steps == 0):
            self.validate()
        if settings.save_every_n_steps and self.step % settings.save_every_n_steps == 0 and not ended:
            self.save()

    def save(self) -> None:
        """The state of now, by the first process; the others wait."""
        if self.states and not self.team.rank and self.step not in self.states.steps():
            self.states.save(self.step, self.state())
            if self.events.saved:
                self.events.saved(self.step)
        self.team.wait()

    def state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "optimizer_type": self.settings.optimizer_type,
            "weights": {name: parameter.detach().cpu() for name, parameter in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.shadow if self.ema else {},
            "scaler": self.scaler.state_dict(),
            "best": self.best,
        }

    def weights(self) -> dict[str, Tensor]:
        """What the training gives: all weights under their official names, the averaged ones where they are averaged."""
        return self.net.official(self.ema.shadow if self.ema else None)

    @torch.no_grad()
    def validate(self) -> float | None:
        """The loss on what is held out, with the weights that would be written; None if nothing is held out."""
        with self.averaged():
            losses = [self.loss(batch).item() for batch in self.data.held_out()]
        if not losses:
            return None
        value = sum(losses) / len(losses)
        better = value < self.best
        self.best = min(self.best, value)
        if self.events.validated and not self.team.rank:
            self.events.validated(self.step, value, better)
        return value

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within this, the networks have the weights that would be written."""
        if not self.ema:
            yield
            return
        kept = {name: parameter.detach().clone() for name, parameter in self.trained.items()}
        self._put(self.ema.shadow)
        try:
            yield
        finally:
            self._put(kept)

    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.trained.items():
            parameter.data.copy_(weights[name])


class _Loss(nn.Module):
    """Batch -> its loss, a number."""

    def __init__(
        self,
        net: Grounded,
        alphas: Tensor,
        prediction: str,
        masked: MaskedAttention | None,
        device: torch.device,
        mixed: str,
    ) -> None:
        super().__init__()
        self.net, self.alphas, self.prediction, self.masked = net, alphas, prediction, masked
        dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(mixed)
        self.autocast = (lambda: torch.autocast(device.type, dtype)) if dtype else nullcontext

    def forward(self, batch: Batch) -> Tensor:
        x = objective.noisy(batch.latents, batch.noise, batch.t, self.alphas)
        with self.autocast():
            answer = self.net(x, batch.t, batch.context, batch.inputs, self.masked, batch.boxes, batch.vector)
        return objective.error(
            answer, objective.target(batch.latents, batch.noise, batch.t, self.alphas, self.prediction)
        )
