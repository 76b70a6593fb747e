"""Prompts as rows of the small embedding: the stock SD1 tokenizer's numbers, of which the world's words use a few."""

from functools import lru_cache

import lab  # noqa: F401
import torch
from comfy.sd1_clip import SDTokenizer
from support.shapeworld import captions
from support.thingworld import words

UNKNOWN, LENGTH = 0, 77


@lru_cache(maxsize=1)
def tokenizer() -> SDTokenizer:
    return SDTokenizer(embedding_directory=None)


def bpe(prompt: str) -> list[int]:
    return [token for token, _ in tokenizer().tokenize_with_weights(prompt)[0]]


@lru_cache(maxsize=1)
def vocabulary() -> list[int]:
    """BPE numbers of the rows from 1 on: start, end, then those of the world's words; row 0 stands for all others."""
    known = [49406, 49407]
    for word in (*captions.WORDS, *words.WORDS):
        known += [token for token in bpe(word) if token not in known]
    return known


@lru_cache(maxsize=1)
def other_words() -> dict[int, int]:
    """BPE number of a word that means the same as one of the world's -> that one's row."""
    return {bpe(other)[1]: _rows()[bpe(word)[1]] for other, word in words.OTHER_WORDS.items()}


@lru_cache(maxsize=1)
def _rows() -> dict[int, int]:
    return {token: row for row, token in enumerate(vocabulary(), 1)}


@lru_cache(maxsize=100_000)
def rows(prompt: str) -> tuple[int, ...]:
    return tuple(_rows().get(token, UNKNOWN) for token in bpe(prompt))


def encode(prompts: list[str]) -> torch.Tensor:
    """(n, 77) uint8 row numbers."""
    return torch.tensor([rows(prompt) for prompt in prompts], dtype=torch.uint8)
