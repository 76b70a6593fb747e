"""The editor's own layout and the one that comes in: which counts, and what of the other one stays."""

import hashlib
from dataclasses import replace

import pytest
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.incoming import SOURCE, fingerprint, take_incoming
from instdiff.instdiff_modules.layout.instance import Instance, Layout, Mask

FOX = Instance(id="fox", prompt="a red fox", box=(0.1, 0.2, 0.5, 0.9))
ROCK = Instance(id="rock", prompt="a rock", mask=Mask(64, 96, "0PPP1"))
OWN = Layout((replace(FOX, prompt="mine"),), 768, 512, "my caption", {"zoom": 2})
INCOMING = Layout((FOX,), 640, 448, "a valley", {"note": "kept"})


def test_nothing_connected_leaves_the_editor_alone() -> None:
    assert take_incoming(OWN, None) == (OWN, False)


def test_a_layout_that_comes_in_fills_the_editor_and_leaves_its_fingerprint() -> None:
    layout, new = take_incoming(OWN, (INCOMING,))
    assert new and layout == replace(INCOMING, extra={"note": "kept", SOURCE: fingerprint(INCOMING)})


def test_edits_count_until_another_layout_comes_in() -> None:
    filled = parse_layout(layout_to_json(take_incoming(OWN, (INCOMING,))[0]))
    edited = replace(filled, instances=(replace(FOX, box=(0.0, 0.0, 0.5, 0.5)), ROCK))
    assert take_incoming(edited, (INCOMING,)) == (edited, False)
    other = replace(INCOMING, prompt="another valley")
    layout, new = take_incoming(edited, (other,))
    assert new and layout.instances == (FOX,) and layout.extra[SOURCE] == fingerprint(other)


def test_what_the_incoming_layout_leaves_open_stays() -> None:
    layout, _ = take_incoming(OWN, (Layout((FOX,)),))
    assert (layout.width, layout.height, layout.prompt) == (768, 512, "my caption")
    layout, _ = take_incoming(OWN, (Layout((FOX, ROCK)),))
    assert (layout.width, layout.height) == (96, 64)


def test_a_layout_that_another_editor_filled_counts_as_any_other() -> None:
    first, _ = take_incoming(OWN, (INCOMING,))
    second, new = take_incoming(OWN, (first,))
    assert new and second.extra[SOURCE] == fingerprint(first) != first.extra[SOURCE]
    assert take_incoming(second, (first,)) == (second, False)


def test_the_fingerprint_is_that_of_the_text() -> None:
    assert fingerprint(INCOMING) == hashlib.sha256(layout_to_json(INCOMING).encode()).hexdigest()[:16]
    assert len({fingerprint(layout) for layout in (OWN, INCOMING, Layout())}) == 3
    assert fingerprint(replace(INCOMING, extra={"note": "\ud800"}))


def test_several_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="3 frames are connected"):
        take_incoming(OWN, (INCOMING,) * 3)
