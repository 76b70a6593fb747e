"""Settings of the loop, and the authors' set of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Of the loop; the names are those of the config."""

    max_train_steps: int = 1000
    optimizer_type: str = "AdamW"  # or "AdaFactor", which keeps next to nothing beside the weights
    learning_rate: float = 5e-5
    lr_scheduler: str = "constant_with_warmup"
    lr_warmup_steps: int = 0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0  # 0: not clipped
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    mixed_precision: str = "no"  # or "fp16", "bf16"
    use_ema: bool = True
    ema_decay: float = 0.9999
    ema_warmup: bool = True  # a shorter memory at first, so that the first weights are soon forgotten
    ema_on_cpu: bool = False  # spares the card 4 bytes a trained number
    save_every_n_steps: int = 500
    save_last_n_states: int = 2
    validate_every_n_steps: int = 500


LOOPS = {
    "instdiff": Settings(),
    "authors": Settings(lr_warmup_steps=10000, max_grad_norm=0.0, ema_warmup=False),
}
