"""JSON of any origin: a plain document is read, anything else is one sentence in our words, soon."""

import json
import os
import socket
import time
from pathlib import Path

import pytest
from instdiff.instdiff_modules.layout.json_text import MAX_DOCUMENT_BYTES, MAX_LEVELS, load_json, read_json

PYTHONS_WORDS = ("Expecting", "Unterminated", "codec", "NoneType", "delimiter", "recursion", "Extra data", "sys.")


def refused(text: object, *pieces: str, **kw: object) -> str:
    with pytest.raises(ValueError) as caught:
        load_json(text, **kw)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 300 and sentence.endswith(".")
    assert not any(word in sentence for word in PYTHONS_WORDS)
    for piece in pieces:
        assert piece in sentence
    return sentence


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        0,
        -1.5e-7,
        "x",
        True,
        None,
        {"a": [1, {"b": "é🦊\u2028"}], "c": 10**300},
        {"a\\": '"\\"[[', "\\ud800": 1},
    ],
)
def test_plain_documents_are_read(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert load_json(text) == value
        assert load_json(f"\ufeff \n{text}\r\n\t".encode()) == value


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (None, "empty"), ("", "empty"), (" \n\ufeff", "empty"), (3, "must be text, got 3"), (b"", "empty"),
        ("{", "a field's name in quotes but the text ends"), ("[1,", "expected a value but the text ends"),
        ('{"a" 1}', "expected ':' at line 1, column 6"), ("[1\n2]", "',' or the end of the list or object at line 2, column 1"),
        ("[] x", "nothing more at line 1, column 4"), ('{"a": "b', "without its closing quote at line 1, column 7"),
        ('["a\nb"]', "control character inside a text"), ('["\\x"]', "backslash"), ("{'a': 1}", "field's name in quotes"),
        ("\ufeff\n\n [1 2]", "line 3, column 5"), ("[01]", "not valid JSON"), ("[1.]", "not valid JSON"), ("nul", "a value"),
        ("NaN", "holds NaN, which JSON has no word for"), ("[Infinity]", "holds Infinity"), ('{"a": -Infinity}', "holds -Infinity"),
        ("1e999", "number 1e999"), ("[-1E+400]", "-1E+400"), ("9" * 309, "too large"), (f"[{'1' * 401}]", "401 digits, at most 400"),
        ("9" * 5000, "5000 digits"), ("0." + "1" * 5000, "5000 digits"), ('{"a": 1' + "0" * 350 + ".5}", "too large"),
        ('{"instances": [], "instances": []}', 'names "instances" twice; keep one'), ('[{"\\u0061": 1, "a": 1, "a": 2}]', '"a" 3 times'),
        (f'{{"{"x" * 300}": 1, "{"x" * 300}": 2}}', "twice"),
        ('"\\ud83d"', "broken character"), ('{"\\uDE00": 1}', "broken character"), ('"\ud83d"', "broken character"), ('"\\ude00\\ud83d"', "broken"),
        (b'["\xff"]', "not UTF-8 text: its byte 3"), ("[1]".encode("utf-16"), "UTF-16"), ("[1]".encode("utf-32"), "UTF-32"),
        ("[" * 201 + "]" * 201, "201 levels, at most 200"), ('{"a":[' * 150, "300 levels"), ("[" * 100_000, "nested too deeply"),
        ("[1" + ",[[" * 100 + "]]" * 100 + "]", "201 levels"),
    ],
)  # fmt: skip
def test_what_is_no_plain_document_is_one_sentence(text, pieces):
    assert refused(text, pieces).startswith("The layout")
    assert refused(text, pieces, what="parts.json").startswith("parts.json")


def test_brackets_and_digits_inside_a_text_do_not_count():
    text = json.dumps(["[" * 1000, "9" * 1000, '\\"[' * 300, "\\" * 7])
    assert load_json(text) == json.loads(text)


def test_200_levels_and_400_digits_are_read():
    assert load_json("[" * MAX_LEVELS + "]" * MAX_LEVELS)
    assert load_json("0." + "1" * 400) == pytest.approx(1 / 9)
    assert load_json("1" * 308) == int("1" * 308)


def test_the_size_is_looked_at_first():
    start = time.process_time()
    for text in ("x" * 10**8, b"x" * 10**8, "é" * 10**8):
        refused(text, "MB, at most 32 MB")
    refused('"éé"', "at most 5 bytes", limit=5)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "unit", ['{"a":"b","c":[1]},', "[],", '"",', '\\"', "\\", '"', "9", "[", '"a":1,', "1e5,", "\\ud83d", "\n", "-"]
)
def test_time_grows_with_the_length_and_no_faster(unit):
    """A sixteenth of the largest text, as the value of a list and as the inside of a text: the whole would stay under 5 s."""
    many = unit * (MAX_DOCUMENT_BYTES // 16 // len(unit))
    for text in (f"[{many}0]", f'["{many}', f'{{{many}"z":0}}'):
        start = time.process_time()
        try:
            load_json(text)
        except ValueError as error:
            assert "\n" not in str(error) and len(str(error)) < 300
        assert time.process_time() - start < 1.2


def test_files(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1} == read_json(str(path), "The table", 20)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        for name, words in (
            ("pipe", "it is a pipe"), ("sock", "it is a socket"), ("/dev/zero", "it is a device"), (".", "it is a folder"),
            ("gone.json", "gone.json cannot be read (No such file"), ("a" * 300, "File name too long"), ("a\0b", "not a name"),
            ("a\ud83d", "cannot be read"), ("a.json/b.json", "cannot be read"), ("gone\n" * 20, "No such file"),
        ):  # fmt: skip
            with pytest.raises(ValueError) as caught:
                read_json(tmp_path / name)
            text = str(caught.value)
            assert words in text or name == "a\ud83d"
            assert "\n" not in text and len(text) < 200
    with pytest.raises(ValueError, match=r"a\.json: the text has 0\.0 MB, at most 4 bytes"):
        read_json(path, limit=4)
    path.write_text("[")
    with pytest.raises(ValueError, match=r"^a\.json is not valid JSON: expected a value but the text ends"):
        read_json(path)
