"""A meeting of picture and text as the additive mask of one attention call."""

import torch
from torch import Tensor

from .rule import Meeting

JOINT, TEXT, CROSS, SELF = "text and picture", "text", "picture on text", "picture"


def additive(kind: str, meeting: Meeting, queries: int, keys: int) -> Tensor | None:
    """(queries, keys) float32 biases, or None where nothing is masked. ValueError if the call has other tokens.

    JOINT: text first, then picture. Tokens after the text that is known are padding of the global prompt, those after the
    picture lie outside every region. CROSS: text that was repeated to a common length is known by its length.
    """
    text, picture = len(meeting.segments), meeting.weights.shape[1]
    if kind == TEXT:
        return with_text(meeting, keys).text_to_text()
    if kind == CROSS:
        repeats, rest = divmod(keys, text)
        if rest:
            raise ValueError(f"{keys} text tokens are not a whole number of prompts of {text}.")
        return _wider(meeting, queries).picture_to_text().repeat(1, repeats)
    if kind == SELF:
        return _wider(meeting, queries).picture_to_picture()
    assert kind == JOINT and queries == keys >= text + picture, (kind, queries, keys, text, picture)
    out = torch.zeros(queries, keys)
    wide = _wider(meeting, keys - text)
    out[:text, :text], out[:text, text:] = wide.text_to_text(), wide.text_to_picture()
    out[text:, :text] = wide.picture_to_text()
    between = wide.picture_to_picture()
    if between is not None:
        out[text:, text:] = between
    return out


def with_text(meeting: Meeting, tokens: int) -> Meeting:
    """The meeting with so many text tokens: further ones belong to the global prompt."""
    more = tokens - len(meeting.segments)
    if not more:
        return meeting
    segments = torch.nn.functional.pad(meeting.segments, (0, more))
    return Meeting(meeting.weights, meeting.forces, segments, meeting.rule)


def _wider(meeting: Meeting, tokens: int) -> Meeting:
    own = meeting.weights.shape[1]
    if tokens == own:
        return meeting
    repeats, rest = divmod(tokens, own)
    repeated = meeting.rule.repeated and not rest
    pad = torch.nn.functional.pad
    weights = meeting.weights.repeat(1, repeats) if repeated else pad(meeting.weights, (0, tokens - own))
    return Meeting(weights, meeting.forces, meeting.segments, meeting.rule)


def joined(incoming: Tensor | None, own: Tensor) -> Tensor:
    """An attention call's mask (any of ComfyUI's shapes, bool or additive) plus our own (rows, 1, queries, keys)."""
    if incoming is None:
        return own
    least = torch.finfo(own.dtype).min
    if incoming.dtype == torch.bool:
        incoming = torch.zeros(incoming.shape, dtype=own.dtype, device=own.device).masked_fill_(~incoming, least)
    if incoming.ndim == 2:
        incoming = incoming[None, None]
    elif incoming.ndim == 3:
        incoming = incoming[:, None]
    return (incoming.to(own) / 2 + own / 2).clamp(min=least / 2) * 2
