"""Names and tooltips in other languages, in the folders that ComfyUI reads."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.locales import LOCALES, english, read
from support.server import ComfyServer

LANGUAGES = sorted(folder.name for folder in LOCALES.iterdir())


def texts(words: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its path."""
    if isinstance(words, dict):
        for key, value in words.items():
            yield from texts(value, f"{where}/{key}")
    else:
        yield where, words


def test_there_are_english_and_chinese():
    assert LANGUAGES == ["en", "zh"]


def test_the_english_is_that_of_the_schemas():
    assert read("en") == english(), "run: python tests/write_english.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missing_or_left_over(language):
    given, wanted = dict(texts(read(language))), dict(texts(english()))
    assert list(given) == list(wanted)
    assert all(isinstance(text, str) and text.strip() == text != "" for text in given.values())


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_numbers_and_choices_are_those_of_the_english_text(language):
    """Ranges, paths and the words of menus are not translated, so they have to be there unchanged."""
    given, wanted = dict(texts(read(language))), dict(texts(english()))
    for where, text in wanted.items():
        kept = re.findall(r"\d+(?:\.\d+)?|models/[\w/]+|\b(?:fp16|fp32|bf16|plms|auto|automatic)\b", text)
        assert sorted(kept) == sorted(token for token in kept if token in given[where]), where


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_hold_nothing_that_the_page_would_take_for_a_placeholder(language):
    """Tooltips are shown as they are; names and descriptions pass through vue-i18n."""
    for where, text in texts(read(language)):
        assert where.endswith("tooltip") or not re.search(r"[{}@|$]", text), where


@pytest.mark.comfy
def test_the_server_hands_them_out(server: ComfyServer):
    translations = server.client.get("/i18n")
    for language in LANGUAGES:
        given = translations[language]["nodeDefs"]
        assert given["InstDiffLayoutEditor"] == read(language)["InstDiffLayoutEditor"]
