"""InstDiff's networks as ModelPatchers, so that loading, casting and offloading are ComfyUI's work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import comfy.model_management
import comfy.model_patcher
import comfy.utils
import torch

from ..instdiff_modules.checkpoint.reading import Checkpoint, InstDiffConfig
from ..instdiff_modules.grounding.inputs import GroundingInputs
from ..instdiff_modules.grounding.token_cache import TokenCache
from ..instdiff_modules.layout.fields import shorten
from ..instdiff_modules.networks.adapter import UNetAdapter
from ..instdiff_modules.networks.unifusion import UniFusion
from ..instdiff_modules.sampling.branched_batch import Words
from .operations import cast_where_needed
from .prompts import KnownPrompts

TOKENIZER_PREFIX = "position_net."
SUPPORTED_DTYPES = [torch.float16, torch.bfloat16, torch.float32]


@dataclass(frozen=True)
class InstDiffModel:
    """The value of an INSTDIFF_MODEL wire: UniFusion, and the fusers with ScaleU's gains."""

    tokenizer: Any  # ModelPatcher of a UniFusion
    adapter: Any  # ModelPatcher of a UNetAdapter
    config: InstDiffConfig
    source: str
    known_tokens: TokenCache = field(default_factory=TokenCache, repr=False, compare=False)
    known_prompts: KnownPrompts = field(default_factory=KnownPrompts, repr=False, compare=False)

    def tokenize(self, inputs: GroundingInputs, sampling: bool = False) -> torch.Tensor:
        """Grounding inputs of B layouts -> tokens (B, 4 slots + 64, out_dim), float32 on the CPU.

        A layout that was tokenized before costs nothing: Apply runs again when a strength or a window changes too.
        sampling: a run is under way, in which no model may be moved; the tokenizer then works on the CPU.
        """
        weights = next(self.tokenizer.model.parameters())
        state = (self.tokenizer.patches_uuid, self.tokenizer.load_device, weights.dtype)
        return self.known_tokens.tokens(inputs, self.tokenizer.model if sampling else self._run_tokenizer, state)

    def _run_tokenizer(self, inputs: GroundingInputs) -> torch.Tensor:
        comfy.model_management.load_models_gpu([self.tokenizer])
        device = self.tokenizer.load_device
        moved = {name: getattr(inputs, name).to(device) for name in inputs._fields if name != "segs"}
        # without masks there is nothing to move of 30 MB
        segs = inputs.segs.to(device) if inputs.seg_mask.any() else inputs.segs[:, :1, :1, :1].to(device)
        return self.tokenizer.model(GroundingInputs(**moved, segs=segs.expand_as(inputs.segs))).cpu()

    @property
    def widths(self) -> tuple[int, int]:
        """Of an encoded prompt in cross-attention, and of its pooled text feature."""
        return self.adapter.model.token_dim, self.config.text_dim

    def encode_prompt(self, clip: Any, prompt: str) -> Words:
        """What a branch tells the UNet, float32 on the CPU. ValueError for another model's CLIP."""
        return self.known_prompts.encode(clip, prompt, self.widths).words

    def encode_text(self, clip: Any, prompt: str) -> torch.Tensor:
        """The text feature of an instance for the tokenizer: (text_dim,), float32 on the CPU. ValueError as above."""
        return self.known_prompts.encode(clip, prompt, self.widths).feature

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All weights under their official key names."""
        tokenizer = {TOKENIZER_PREFIX + k: v for k, v in self.tokenizer.model.state_dict().items()}
        # the fusers' projections are parts of one tensor, which a file cannot hold as it is
        adapter = {
            k: v.clone() if v.nbytes != v.untyped_storage().nbytes() else v
            for k, v in self.adapter.model.state_dict().items()
        }
        return {**adapter, **tokenizer}


def build_instdiff_model(checkpoint: Checkpoint, dtype: torch.dtype | None = None) -> InstDiffModel:
    """Networks of the checkpoint's sizes, filled with its weights. dtype None: what ComfyUI would choose for a UNet."""
    config, tensors = checkpoint.config, checkpoint.tensors
    load_device = comfy.model_management.get_torch_device()
    offload_device = comfy.model_management.unet_offload_device()
    if dtype is None:
        dtype = comfy.model_management.unet_dtype(
            device=load_device,
            model_params=sum(t.numel() for t in tensors.values()),
            supported_dtypes=SUPPORTED_DTYPES,
            weight_dtype=comfy.utils.weight_dtype(tensors),
        )
    kw = {"operations": cast_where_needed, "device": offload_device, "dtype": dtype}
    tokenizer = UniFusion(
        config.slots, config.text_dim, config.mid_dim, config.out_dim, depths=config.depths, dims=config.dims, **kw
    )
    adapter = UNetAdapter(config.fuser_dims, config.decoder_channels, config.out_dim, **kw, depths=config.fuser_depths)
    ours = {k.removeprefix(TOKENIZER_PREFIX): v for k, v in tensors.items() if k.startswith(TOKENIZER_PREFIX)}
    theirs = {k: v for k, v in tensors.items() if not k.startswith(TOKENIZER_PREFIX)}
    return InstDiffModel(
        _patcher(tokenizer, ours, dtype, load_device, offload_device),
        _patcher(adapter, theirs, dtype, load_device, offload_device),
        config,
        checkpoint.source,
    )


def in_format(tensors: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The same weights in another number format. ValueError if it has no room for some of them: pictures would be black."""
    for key, tensor in tensors.items():
        if dtype == torch.float16 != tensor.dtype:
            largest = float(torch.stack(torch.aminmax(tensor)).abs().max())
            if largest > torch.finfo(dtype).max:
                raise ValueError(
                    f"The weights {shorten(key, 80)} reach {largest:.3g}, fp16 ends at 65504: choose bf16 or fp32 as dtype."
                )
    return {key: tensor.to(dtype) for key, tensor in tensors.items()}


def _patcher(module: torch.nn.Module, weights: dict[str, torch.Tensor], dtype: Any, load: Any, offload: Any) -> Any:
    patcher_class = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
    patcher = patcher_class(module.eval(), load_device=load, offload_device=offload)
    module.load_state_dict(in_format(weights, dtype), assign=True)
    module.requires_grad_(False)
    return patcher
