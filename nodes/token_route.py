"""The page's question how many tokens a prompt has: POST /instdiff/tokens. Only ComfyUI's own tokenizer knows.

{"text": "a red fox"} -> {"tokens": 5, "parts": 1, "cut": ""}: tokens with start and end of each part; `cut` is what lies
behind the first part of 77, of which alone an instance's feature is made.
"""

import asyncio
import functools
import json
import re
from typing import Any

import comfy.sd1_clip
import folder_paths
from aiohttp import web

ROUTE = "/instdiff/tokens"
MAX_TEXT = 20_000  # characters
_EMBEDDING = re.compile(r"(?<!\S)embedding:([^\s,<\[]+)")
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


def add_route(routes: web.RouteTableDef) -> None:
    """Register the route with ComfyUI's server."""

    @routes.post(ROUTE)
    async def tokens(request: web.Request) -> web.Response:
        text = await _text_of(request)
        if text is None:
            reason = f'Expected JSON like {{"text": "a red fox"}}, with at most {MAX_TEXT} characters.'
            return web.json_response({"error": reason}, status=400)
        return web.json_response(await asyncio.to_thread(count_tokens, text))


async def _text_of(request: web.Request) -> str | None:
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    text = given.get("text") if isinstance(given, dict) else None
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return None
    return _HALF_CHARACTER.sub("\ufffd", text)  # the tokenizer takes whole characters alone


def count_tokens(text: str) -> dict[str, Any]:
    """How ComfyUI's CLIP tokenizer cuts a prompt; embeddings that do not exist count nothing, as in sampling."""
    text = _EMBEDDING.sub(lambda found: found[0] if _is_known(found[1]) else "", text)
    parts = _parts(text)
    words = sum(1 for part in parts for _, _, word in part if word)
    return {"tokens": words + 2 * len(parts), "parts": len(parts), "cut": _behind_first(text) if len(parts) > 1 else ""}


def _behind_first(text: str) -> str:
    """What lies behind the longest run of whole words that fits into one part."""
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    low, high = 0, len(ends)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(_parts(text[: ends[middle - 1]])) == 1 else (low, middle)
    return text[ends[low - 1] if low else 0 :].strip()


def _parts(text: str) -> list[list[tuple[Any, float, int]]]:
    return _tokenizer().tokenize_with_weights(text, return_word_ids=True)


def _is_known(name: str) -> bool:
    return comfy.sd1_clip.load_embed(name, _tokenizer().embedding_directory, 768, "clip_l") is not None


@functools.cache
def _tokenizer() -> Any:
    return comfy.sd1_clip.SDTokenizer(embedding_directory=folder_paths.get_folder_paths("embeddings"))
