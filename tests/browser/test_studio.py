"""The studio in the full window: run, live preview, result, the strip, what is compared and brought back, the seed, errors."""

import json
from collections.abc import Iterator

import pytest
from support.browser import ComfyPage
from support.editor import Editor, add_editor, pixel
from support.studio_page import LAYOUT, LONG, StudioPage, sampled, shown

TEXT = json.dumps(LAYOUT)
TWO = pytest.mark.parametrize("frontend, shared_page", [("pinned", "classic"), ("newest", "nodes2")], indirect=True)
PLACE = (0.7, 0.7)  # in the middle of the blue square, right of the line between before and after
SECOND = 11  # a seed whose picture has another colour there once the square is gone


@pytest.fixture
def studio(editor: Editor) -> Iterator[StudioPage]:
    """A studio without results, and no run left behind."""
    editor.load(TEXT)
    studio = StudioPage(editor).clear()
    yield studio
    client = editor.comfy.server.client
    queue = client.get("/queue")
    for item in (*queue["queue_pending"], *queue["queue_running"]):
        client.withdraw(item[1])


def made(studio: StudioPage, result: int) -> tuple[int, ...]:
    """The colour of a result's picture at PLACE."""
    picture = studio.comfy.server.image(studio.state["results"][result]["images"][0])
    return tuple(int(v) for v in picture[int(PLACE[1] * len(picture)), int(PLACE[0] * len(picture))])


def near(one: tuple[int, ...], two: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(one, two, strict=True)) < 12


def seen(studio: StudioPage, colour: tuple[int, ...]) -> bool:
    """Whether PLACE takes that colour; pictures are loaded and drawn a moment later."""
    for _ in range(60):
        if near(pixel(studio.editor, *PLACE), colour):
            return True
        studio.page.wait_for_timeout(50)
    return False


def test_draw_run_compare_bring_back_go_on(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampler = sampled(comfy, editor, steps=6)
    studio.open()
    editor.do(
        "({ desk }) => { window.seen = []; desk.subscribe(() => desk.preview() && seen.push(desk.jobs()[0]?.at)); }"
    )
    studio.run()
    assert len(comfy.run("() => seen")) > 1 and comfy.run("() => seen[0].max") == 6, "previews while it samples"
    assert editor.focused() == "div", "the canvas keeps the keys"
    assert studio.widget(sampler, "seed") != 7 and studio.state["results"][0]["seed"]["value"] == 7
    editor.do("({ desk }) => desk.set({ ...desk.state(), layout: false })")
    first = made(studio, 0)
    assert seen(studio, first), "the result lies behind the layout"

    editor.do("({ store }) => store.dispatch({ type: 'remove', ids: ['b'] })")
    comfy.run(
        "([id, seed]) => { app.rootGraph.getNodeById(id).widgets.find((w) => w.name === 'seed').value = seed; }",
        [sampler, SECOND],
    )
    changed, seed = editor.text, SECOND
    editor.act("studio-run")
    studio.wait("root.querySelectorAll('.ie-thumb').length === 2 && root.querySelector('.ie-run-bar').hidden")
    editor.act("studio-compare")
    comfy.page.wait_for_selector(".ie-split", state="visible")
    split = editor.control("split")
    assert split.text_content() == "Result 1Result 2"
    assert seen(studio, made(studio, 1)) and not near(made(studio, 1), first), "after the line stands the second result"
    split.focus()
    comfy.press("End")
    assert seen(studio, first)
    comfy.screenshot(f"studio-compare-{comfy.renderer}")
    editor.control("studio-other").select_option("layout")
    comfy.settle()
    paper = pixel(editor, 0.05, 0.95)
    assert max(paper) < 80, "before the line stands the layout alone"

    studio.thumbs()[0].click()
    editor.act("bring-back")
    comfy.settle()
    assert len(editor.instances) == 2 and (
        studio.widget(sampler, "seed"),
        studio.widget(sampler, "control_after_generate"),
    ) == (7, "fixed")
    assert "seed 7" in editor.session["notice"]["text"] and studio.state["shown"] == studio.state["results"][0]["id"]
    comfy.press("Control+z")
    studio.wait("root.isConnected")
    editor.ready()
    assert editor.text == changed, "one step"
    assert studio.widget(sampler, "control_after_generate") == "randomize" and seed != 7
    assert len(studio.thumbs()) == 2 and editor.session["popout"], "undo keeps the studio"

    text = editor.text
    editor.focus()
    editor.press("Control+Enter")
    studio.close()
    comfy.page.wait_for_function("() => document.activeElement?.classList.contains('instdiff-editor')")
    studio.wait("root.__instdiff.desk.state().results.length === 3")
    assert editor.text == text and not editor.root().query_selector(".ie-studio").is_visible()
    workflow = json.dumps(comfy.run("() => app.rootGraph.serialize()"))
    assert "results" not in workflow and "filename=" not in workflow, "nothing of it is in the workflow"


@TWO
def test_the_same_again_is_said_and_the_nodes_outside_stay_as_they_were(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampler = sampled(comfy, editor, steps=4, control_after_generate="fixed")
    size = "id => [...app.canvas.graph.getNodeById(id).size]"
    before = comfy.run(size, sampler)
    studio.open()
    editor.do("({ desk }) => { window.seen = 0; desk.subscribe(() => desk.preview() && seen++); }")
    studio.run()
    assert comfy.run("() => seen") and studio.text == "" and not editor.root().query_selector(".ie-batch").is_visible()
    editor.press("Control+Enter")
    studio.says("Nothing has changed since picture 1: change the layout or the seed.")
    assert len(studio.thumbs()) == 1 and studio.state["made"] == 1
    comfy.screenshot(f"studio-unchanged-{comfy.renderer}")
    editor.do("({ store }) => store.dispatch({ type: 'remove', ids: ['b'] })")
    studio.run(2)
    assert studio.text == ""

    # one Escape too many does not end it
    editor.press("Escape")
    assert editor.session["popout"] and "Escape again" in editor.session["notice"]["text"]
    editor.press("Escape")
    comfy.page.wait_for_selector(".instdiff-window", state="detached")
    comfy.frames(4)
    [show] = comfy.nodes("PreviewImage")
    images = "id => app.nodeOutputs[id]?.images?.length ?? 0"
    assert (comfy.run(images, show), comfy.run(images, sampler)) == (1, 0)
    assert comfy.run("() => Object.keys(app.nodePreviewImages)") == []
    assert not comfy.run("id => app.canvas.graph.getNodeById(id).imgs?.length", sampler)
    assert comfy.run(size, sampler) == before


@TWO
def test_cancel_takes_back_our_run_and_no_other(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampled(comfy, editor, steps=LONG)
    other = comfy.server.client.queue(comfy.prompt(), "another-page")
    studio.open()
    editor.press("Control+Enter")
    studio.says("1 run before it")
    editor.act("studio-cancel")
    studio.says("Cancelled")
    queue = comfy.server.client.get("/queue")
    assert [item[1] for item in queue["queue_running"]] == [other] and not queue["queue_pending"]
    editor.press("Control+Enter")
    editor.press("Control+Enter")
    comfy.page.wait_for_function("() => document.querySelector('.ie-run-more').textContent === '+1'")
    comfy.server.client.withdraw(other)
    studio.says("Step")
    comfy.screenshot(f"studio-running-{comfy.renderer}")
    editor.act("studio-cancel")
    studio.wait(
        "!root.querySelector('.ie-run-more').textContent && /Step/.test(root.querySelector('.ie-run-text').textContent)"
    )
    editor.act("studio-cancel")
    studio.says("Cancelled")
    assert studio.state["results"] == []


@TWO
def test_what_went_wrong_is_one_sentence_in_the_studio(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampler = sampled(comfy, editor)
    studio.open()
    unnamed = [{**LAYOUT["instances"][0], "prompt": ""}, LAYOUT["instances"][1]]
    editor.load(json.dumps({**LAYOUT, "instances": unnamed}))
    editor.act("studio-run")
    studio.says("Apply InstDiff: Instance 1")
    assert "\n" not in studio.text and "Traceback" not in studio.text
    assert editor.root().query_selector(".ie-run-status").get_attribute("role") == "alert"
    comfy.screenshot(f"studio-error-{comfy.renderer}")

    comfy.run(
        "id => { const node = app.canvas.graph.getNodeById(id); node.disconnectInput(node.findInputSlot('negative')); }",
        sampler,
    )
    editor.load(TEXT)
    editor.press("Control+Enter")
    studio.says("KSampler: Required input is missing: negative")

    comfy.run("id => { app.canvas.graph.getNodeById(id).mode = 2; }", sampler)
    editor.press("Control+Enter")
    studio.says("VAE Decode: Required input is missing: samples")
    assert studio.editor.root().query_selector(".ie-seed-none").is_visible(), "a muted sampler has no seed to set"

    comfy.run("id => { app.canvas.graph.getNodeById(id).mode = 4; }", editor.node)
    editor.press("Control+Enter")
    studio.says("This editor is muted or bypassed")
    comfy.run("id => { app.canvas.graph.getNodeById(id).mode = 0; }", editor.node)

    for event, words in (("reconnecting", "No connection to ComfyUI"), ("reconnected", "This editor is muted")):
        comfy.run(
            "async type => { (await import('/scripts/api.js')).api.dispatchEvent(new CustomEvent(type)); }", event
        )
        studio.says(words)
    comfy.page.route("**/prompt", lambda route: route.abort())
    editor.press("Control+Enter")
    studio.says("ComfyUI does not answer")
    comfy.page.unroute("**/prompt")
    comfy.problems.clear()  # the page says so on its console, too
    comfy.press("Escape")


@TWO
def test_two_editors_each_have_their_own_results_and_a_batch_is_leafed_through(
    comfy: ComfyPage, studio: StudioPage
) -> None:
    comfy.look(90, 140, 0.5)
    editor, other = studio.editor, add_editor(comfy, 0, 800)
    StudioPage(other).clear()
    other.load(json.dumps({**LAYOUT, "instances": LAYOUT["instances"][:1]}))
    shown(comfy, editor, 3)
    studio.open().run()
    assert editor.root().query_selector(".ie-seed-none").is_visible()
    [result] = studio.state["results"]
    assert len(result["images"]) == 3 and result["seed"] is None
    assert editor.root().query_selector(".ie-batch-at").text_content() == "This run made 3 pictures: 1 of 3"
    editor.act("batch-before")
    assert studio.state["results"][0]["image"] == 2
    assert other.do("({ desk }) => desk.state().results") == []
    studio.close()

    shown(comfy, other)
    StudioPage(other).open().run()
    assert [len(one["images"]) for one in StudioPage(other).state["results"]] == [1]
    assert len(studio.state["results"]) == 1, "its own part of that run was the same again"
    StudioPage(other).close()


@pytest.mark.parametrize("frontend, shared_page", [("newest", "classic")], indirect=True)
def test_a_reload_in_mid_run_takes_it_up_again(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampler = sampled(comfy, editor, control_after_generate="fixed")
    studio.open().run()
    comfy.run(
        "([id, steps]) => { app.canvas.graph.getNodeById(id).widgets.find((one) => one.name === 'steps').value = steps; }",
        [sampler, LONG],
    )
    editor.press("Control+Enter")
    studio.says("Step")
    comfy.settle(900)  # the page saves half a second later
    comfy.reload()
    editor.ready()
    studio.wait("root.__instdiff.desk.jobs().length")
    studio.open()
    studio.wait("root.querySelectorAll('.ie-thumb').length === 1")
    assert studio.state["results"][0]["seed"]["value"] == 7
    studio.says("Step")
    editor.act("studio-cancel")
    studio.says("Cancelled")


@TWO
def test_seeds(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    first = sampled(comfy, editor, control_after_generate="fixed")
    second = comfy.add("KSampler", 1800, 500, values={"seed": 99, "steps": 1})
    comfy.run("id => { app.canvas.graph.getNodeById(id).title = 'Second pass'; }", second)
    comfy.link(first, 0, second, "latent_image")
    studio.open()
    which = editor.control("seed-which")
    assert which.inner_text().split("\n") == ["KSampler", "Second pass"] and editor.control("seed").input_value() == "7"
    which.select_option(str(second))
    assert editor.control("seed").input_value() == "99"
    which.select_option(str(first))
    field = editor.control("seed")
    field.fill("1234")
    field.press("Enter")
    assert studio.widget(first, "seed") == 1234
    field.focus()
    comfy.run("id => { app.canvas.graph.getNodeById(id).widgets.find((w) => w.name === 'seed').value = 77; }", first)
    editor.do(
        "({ desk }) => desk.set({ ...desk.state() })"
    )  # a run ended and the seed is another, while the field has the focus
    comfy.page.wait_for_function("field => field.value === '77'", arg=field)
    editor.press("5", "Enter")
    assert studio.widget(first, "seed") == 5, "what is typed takes the place of the number"
    editor.act("seed-new")
    assert studio.widget(first, "seed") != 5 and editor.control("seed").input_value() == str(
        studio.widget(first, "seed")
    )
    editor.act("seed-fix")
    assert studio.widget(first, "control_after_generate") == "randomize"
    comfy.run("id => { const { graph } = app.canvas; graph.remove(graph.getNodeById(id)); }", second)
    studio.run()
    used = studio.state["results"][0]["seed"]["value"]
    assert studio.widget(first, "seed") != used
    editor.act("seed-earlier")
    assert (studio.widget(first, "seed"), studio.widget(first, "control_after_generate")) == (used, "fixed")


@TWO
def test_in_a_subgraph(comfy: ComfyPage, studio: StudioPage) -> None:
    editor = studio.editor
    sampled(comfy, editor)
    comfy.run("() => app.canvas.selectItems(app.canvas.graph._nodes)")
    comfy.command("Comfy.Graph.ConvertToSubgraph")
    comfy.settle()
    comfy.enter_subgraph()
    inside = Editor(comfy, comfy.nodes()[0]).ready()
    StudioPage(inside).clear().open().run()
    assert StudioPage(inside).state["results"][0]["seed"]["value"] == 7
    inside.control("seed").fill("41")
    inside.press("Enter")
    StudioPage(inside).run(2)
    assert StudioPage(inside).state["results"][1]["seed"]["value"] == 41, "the seed is set where it counts"
    StudioPage(inside).close()
    comfy.leave_subgraph()
