"""How long a prompt is, as the page asks: as ComfyUI's tokenizer cuts it."""

import asyncio

import comfy.sd1_clip
import pytest
import torch
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from instdiff.nodes.token_route import MAX_TEXT, ROUTE, add_route, count_tokens
from safetensors.torch import save_file

LONG = " ".join(f"fox{n % 10}" for n in range(40))  # two tokens each


def test_tokens_are_those_of_comfyui_with_start_and_end():
    plain = comfy.sd1_clip.SDTokenizer().tokenizer
    for text in ("", "a red fox", "an eagle's head, turned left", "狐狸 🦊", "supercalifragilistic"):
        assert count_tokens(text) == {"tokens": len(plain(text)["input_ids"]), "parts": 1, "cut": ""}
    assert count_tokens("(a red fox:1.3)") == count_tokens("a red fox")


def test_what_does_not_fit_into_the_first_part_is_named():
    found = count_tokens(LONG)
    assert found["parts"] == 2 and found["tokens"] == 84
    read = LONG.removesuffix(found["cut"]).strip()
    assert count_tokens(read)["parts"] == 1 and count_tokens(f"{read} {found['cut'].split()[0]}")["parts"] == 2
    assert count_tokens("x" * 2000)["cut"] == "x" * 2000  # one word without an end


def test_embeddings_count_what_they_hold_and_unknown_ones_nothing(tmp_path, monkeypatch, caplog):
    save_file({"emb_params": torch.zeros(6, 768)}, tmp_path / "six.safetensors")
    known = comfy.sd1_clip.SDTokenizer(embedding_directory=[str(tmp_path)])
    monkeypatch.setattr("instdiff.nodes.token_route._tokenizer", lambda: known)
    assert count_tokens("a fox, embedding:six")["tokens"] == count_tokens("a fox,")["tokens"] + 6
    assert count_tokens("embedding:si")["tokens"] == 2 and "does not exist" not in caplog.text


@pytest.mark.parametrize("body, status", [
    (b'{"text": "a red fox"}', 200), (b"{", 400), (b"[1]", 400), (b'{"text": 5}', 400), (b"[" * 100_000, 400),
    (b'{"text": "%s"}' % (b"x" * (MAX_TEXT + 1)), 400), (b"\xff", 400),
    (b'{"text": "a red fox \\ud83e"}', 200),
], ids=range(8))  # fmt: skip
def test_the_route_answers_or_says_what_it_expects(body, status):
    async def ask():
        routes = web.RouteTableDef()
        add_route(routes)
        app = web.Application()
        app.add_routes(routes)
        async with TestClient(TestServer(app)) as client:
            answer = await client.post(ROUTE, data=body)
            return answer.status, await answer.json()

    found, answer = asyncio.run(ask())
    assert found == status
    if status == 200:
        assert answer["parts"] == 1 and (answer["tokens"] > 5) == (b"ud83e" in body)
    else:
        assert answer["error"].startswith("Expected JSON")
