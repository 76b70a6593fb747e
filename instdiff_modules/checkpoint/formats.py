"""The layouts in which InstanceDiffusion's weights are passed around, brought to the official key names.

Recognised by what the keys are, never by a file's name: the authors' state dict, the three parts of the older ComfyUI
pack (logtd/ComfyUI-InstanceDiffusion), the diffusers port, and our own file, which has the official names.
Values are tensors (any device, so `meta` tensors will do) and are passed on untouched.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..layout.fields import shorten
from .shapes import FUSER, PLACE

PARTS = {"fuser": "the fusers", "position_net": "the tokenizer (position_net)", "scaleu": "ScaleU"}
MAX_ENTRIES = 100_000  # of one file; the authors' has 5,000
MAX_LEVELS = 16  # of dictionaries in dictionaries; the authors' has 4
MAX_KEY = 200  # characters
_EXAMINED = 2000  # keys by which another kind of model is told
EXPECTED = "*.transformer_blocks.0.fuser.*, position_net.* and scaleu_*"
_DIFFUSERS = re.compile(rf"(down|mid|up)_blocks?\.(?:(\d{{1,4}})\.)?attentions\.(\d{{1,4}})\.({FUSER})")
_KEY = re.compile(
    r"(?P<prefix>(?:.*?\.)??)(?P<key>position_net\.[\s\S]+|scaleu_[bs]_\d+|"
    rf"(?:{PLACE}|(?:down_blocks|up_blocks)\.\d+\.attentions\.\d+|mid_block\.attentions\.0)"
    rf"\.{FUSER})"
)
# Of SD1.5's UNet; the parts of the older pack may come as bare lists in this order.
_LISTED = {"input_blocks": (1, 2, 4, 5, 7, 8), "middle_block": (1,), "output_blocks": tuple(range(3, 12))}
# What else people have in their model folders, told by a piece of a key; the first that fits is named.
_OTHERS = (
    ("a LoRA", r"lora_(up|down|A|B)\b|\.lora\.|hada_w1|lokr_w"),
    ("a GLIGEN model", r"position_net\.linears\."),
    ("a ControlNet", r"^control_model\.|controlnet_|zero_convs\.|input_hint_block\."),
    ("an IP-Adapter", r"^ip_adapter\.|image_proj\."),
    ("an SDXL model", r"^conditioner\.embedders\.|label_emb\.|^add_embedding\."),
    ("a Flux or SD3 model", r"double_blocks\.|joint_blocks\."),
    ("a textual-inversion embedding", r"string_to_param|emb_params|^clip_[lg]$"),
    (
        "a Stable Diffusion model without InstanceDiffusion",
        r"input_blocks\.\d+\.\d|down_blocks\.\d+\.(resnets|attentions)",
    ),
    ("a VAE", r"encoder\.(conv_in|down_blocks|down)\.|post_quant_conv|^decoder\."),
    ("a text encoder", r"text_model\.|^transformer\.resblocks"),
)


def collect(content: Any) -> dict[str, Any]:
    """InstDiff's tensors in one loaded file, prefixes removed; fusers of the diffusers port keep that port's names.

    Of several state dicts in a file (the authors' has `ema` and `model`) the one with the most InstDiff tensors counts,
    at equal numbers `ema`, as in the reference. Empty if there are none. Raises ValueError, in words that follow the file's
    name, for a file of too many entries, and for parts of the older pack that hold no fusers.
    """
    candidates = [content]
    if isinstance(content, Mapping):
        candidates = [*(content[name] for name in ("ema", "model", "state_dict") if name in content), content]
    return max((_named(_unfold(candidate)) for candidate in candidates), key=len)


def official_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the diffusers port's fusers; the other keys have their official names in every layout."""
    ups = [int(match[3]) for key in tensors if (match := _DIFFUSERS.fullmatch(key)) and match[1] == "up"]
    step = max(ups, default=2) + 1  # blocks per level going up; going down one less, then a downsampler
    return {_official(key, step): value for key, value in tensors.items()}


def part_of(key: str) -> str:
    """ "fuser", "position_net" or "scaleu"."""
    return next((part for part in ("position_net", "scaleu") if key.startswith(part)), "fuser")


def unfused_places(content: Any) -> set[str]:
    """Transformers (official names) that the UNet in a file has, for files that hold the UNet as well."""
    pattern = re.compile(rf"(?:.*\.)?({PLACE})\.transformer_blocks\.0\.attn1\.to_q\.weight")
    return {match[1] for key in _all_keys(content) if (match := pattern.fullmatch(key))}


def describe(content: Any) -> str:
    """What a file without (all of) InstDiff's weights seems to be, for an error message."""
    keys = list(_all_keys(content)) or (list(map(str, content)) if isinstance(content, Mapping) else [])
    if not keys or _is_tensor(content):
        return "nothing" if content is None else f"only {_kind(content)}"
    step = -(-len(keys) // _EXAMINED)
    bare = [re.sub(r"^(state_dict|model|ema|module)\.(?=.)", "", key[:MAX_KEY]) for key in keys[::step]]
    kind = next((name for name, marker in _OTHERS if any(re.search(marker, key) for key in bare)), "")
    return f"{kind + ', ' if kind else ''}{len(keys)} entries such as {shorten(keys[len(keys) // 2], 40)}"


def _official(key: str, step: int) -> str:
    match = _DIFFUSERS.fullmatch(key)
    if not match:
        return key
    part, level, index, leaf = match[1], int(match[2] or 0), int(match[3]), match[4]
    place = {
        "down": f"input_blocks.{1 + level * step + index}.1",
        "mid": "middle_block.1",
        "up": f"output_blocks.{level * step + index}.1",
    }[part]
    return f"{place}.{leaf}"


def _named(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Those of InstDiff, without a common prefix such as `model.diffusion_model.` or `module.`."""
    matches = [
        match for key in tensors if isinstance(key, str) and len(key) <= MAX_KEY and (match := _KEY.fullmatch(key))
    ]
    if not matches:
        return {}
    counts = Counter(match["prefix"] for match in matches)
    prefix = max(counts, key=lambda name: (counts[name], "ema" in name))
    return {
        match["key"]: tensors[match[0]]
        for match in matches
        if match["prefix"] == prefix and _is_tensor(tensors[match[0]])
    }


def _unfold(content: Any) -> Mapping[str, Any]:
    """One of the older pack's three parts as a flat dict with official names; any other dict as it is."""
    if isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping):
        return {}
    if len(content) > MAX_ENTRIES:
        raise ValueError(f"has {len(content):,} entries, at most {MAX_ENTRIES:,} are read.")
    if any(part in content for part in _LISTED):
        return dict(_limited(_fusers(content)))
    if any(isinstance(value, Mapping) and "scaleu_b" in value for value in content.values()):
        return dict(_limited(_gains(content)))
    if "null_positive_feature" in content or "linears_list.0.0.weight" in content:
        return {f"position_net.{key}": value for key, value in content.items()}
    return content


def _fusers(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    # No transformer sits in input block 0: a dict that starts there counts the fusers instead of naming their blocks.
    counted = any(str(index) == "0" for index in _indices(content.get("input_blocks")))
    for part, listed in _LISTED.items():
        blocks = content.get(part, {})
        if isinstance(blocks, Mapping):
            blocks = {str(index): block for index, block in blocks.items()}
            if counted and all(re.fullmatch(r"\d{1,4}", index) for index in blocks):
                blocks = [blocks[index] for index in sorted(blocks, key=int)]
        if isinstance(blocks, Mapping):
            pass
        elif not isinstance(blocks, (list, tuple)):
            raise ValueError(f"has {_kind(blocks)} as {part}, expected its fusers in a dictionary or a list.")
        elif len(blocks) == len(listed):
            blocks = {str(index): block for index, block in zip(listed, blocks, strict=True)}
        else:
            raise ValueError(f"lists {len(blocks)} fusers for {part}, expected {len(listed)} as in SD1.5.")
        for index, block in blocks.items():
            if not re.fullmatch(r"\d{1,4}", index):
                raise ValueError(f"names a fuser {shorten(index, 20)} in {part}, expected the number of its block.")
            state = block.get("state", block) if isinstance(block, Mapping) else None
            if not isinstance(state, Mapping):
                raise ValueError(
                    f"has {_kind(state)} as block {index} of {part}, expected the tensors of a fuser in a dictionary."
                )
            place = "middle_block.1" if part == "middle_block" else f"{part}.{index}.1"
            yield from (
                (f"{place}.transformer_blocks.0.fuser.{leaf}", value)
                for leaf, value in state.items()
                if _is_short(leaf)
            )


def _gains(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for index, layer in content.items():
        if isinstance(layer, Mapping) and _is_short(index):
            yield from ((f"{name}_{index}", value) for name, value in layer.items() if _is_short(name))


def _is_short(key: Any) -> bool:
    return len(str(key)) <= MAX_KEY


def _limited(items: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The same; ValueError beyond MAX_ENTRIES: many blocks may share one state."""
    yield from islice(items, MAX_ENTRIES)
    if next(items, None) is not None:
        raise ValueError(f"has more than {MAX_ENTRIES:,} entries: expected those of one model.")


def _indices(blocks: Any) -> list[Any]:
    return list(blocks) if isinstance(blocks, Mapping) else []


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _kind(value: Any) -> str:
    """A value that is not what was expected, in words."""
    kinds = {
        dict: "a dictionary",
        list: "a list",
        tuple: "a list",
        str: "text",
        bool: "a number",
        int: "a number",
        float: "a number",
    }
    return "nothing" if value is None else "a tensor" if _is_tensor(value) else kinds.get(type(value), "an object")


def _all_keys(content: Any) -> Iterator[str]:
    """Dotted names of tensors in nested dicts and lists, MAX_ENTRIES at most. What is inside itself, or there again, is seen once."""
    return islice(_keys_below(content), MAX_ENTRIES)


def _keys_below(content: Any) -> Iterator[str]:
    seen: set[int] = set()
    steps = 0
    below: list[Iterator[tuple[str, Any]]] = [iter([("", content)])]
    while below and steps < 2 * MAX_ENTRIES:
        prefix, value = next(below[-1], (None, None))
        steps += 1
        if prefix is None:
            below.pop()
        elif _is_tensor(value):
            yield prefix
        elif isinstance(value, (Mapping, list, tuple)) and id(value) not in seen and len(below) <= MAX_LEVELS:
            seen.add(id(value))
            below.append(_named_items(prefix, value))


def _named_items(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    return (
        (f"{prefix}.{str(key)[:MAX_KEY]}"[-MAX_KEY:] if prefix else str(key)[:MAX_KEY], item) for key, item in items
    )
