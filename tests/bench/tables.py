"""Results of the demo model's benches as Markdown tables, from the files that those benches write.

Each function takes a parsed file: shapeworld.json, overlap.json, editing.json, instance_lora.json, regions.json, steering.json,
references.json, canvases.json or short_training.json.
"""

from typing import Any

from bench.report import markdown, rounded

Data = dict[str, Any]

# measure -> what it is called, the locations that are given, what was set out for before the training
TARGETS = {
    "box_ap50": ("box AP50", "boxes", 0.85),
    "mask_miou": ("mask mean IoU", "masks", 0.75),
    "pim_point": ("Points-in-Mask", "points", 0.90),
    "pim_scribble": ("Points-in-Mask", "scribbles", 0.85),
    "color_acc": ("colour right", "boxes", 0.92),
    "texture_acc": ("texture right", "boxes", 0.80),
}
COMPARED = {
    "no_scaleu": "UniFusion alone",
    "box": "with ScaleU",
    "mis_average": "and multi-instance sampling, *average*",
    "mis_groups": "the same, *two groups*",
    "mis_crop": "*crop and paste*",
    "mis_masked": "*masked average*",
}
GROUPS = {"mis_average": "*exact*", "mis_groups": "*two groups*"}
MERGES = {"average": "*average*", "crop": "*crop and paste*", "masked": "*masked average*"}


def measured_by(data: Data) -> str:
    """What was measured, as a sentence."""
    seeds, model, plain = data["seeds"], data["model"], data["cases"]["box"]["settings"]
    return (
        f"Measured on {data['date']} by `{data['command']}`: {len(seeds['numbers'])} layouts with {data['cases']['box']['instances']}"
        f" instances (stream {seeds['stream']}), `{model['file']}` of sha256 {model['sha256'][:12]}..., {plain['steps']} steps of"
        f" *{plain['sampler']}*, cfg {plain['cfg']:g}."
    )


def targets(data: Data) -> str:
    """The six measures: base alone, with InstDiff, and what they were to reach."""
    rows = [
        [name, given, rounded(data["base"][key]), f"**{rounded(data['instdiff'][key])}**", rounded(target)]
        for key, (name, given, target) in TARGETS.items()
    ]
    return markdown(["measure", "given", "base alone", "with InstDiff", "target"], rows)


def compared(data: Data) -> str:
    """Boxes with and without ScaleU, and with every merge."""
    keys = ("box_ap50", "box_ap", "mask_miou", "color_acc", "texture_acc", "leakage", "success")
    rows = [[title, *(rounded(data["cases"][case][key], 3) for key in keys)] for case, title in COMPARED.items()]
    return markdown(["boxes", "AP50", "AP", "mask IoU", "colour", "texture", "leaked colour", "passed"], rows)


def groups(data: Data) -> str:
    """The exact sampling and that of two groups, for a help page."""
    rows = []
    for case, title in GROUPS.items():
        one = data["cases"][case]
        figures = [rounded(one[key], 3) for key in ("box_ap50", "mask_miou", "color_acc", "texture_acc")]
        rows.append([title, *figures, percent(one["leakage"]), rounded(one["success"], 3)])
    return markdown(["", "box AP50", "mask IoU", "colour right", "texture right", "leaked colour", "passed"], rows)


def leaking(data: Data) -> str:
    """Leaked colour by the number of instances, at full and at half strength, and the share that passes."""
    full, half = data["leakage_by_instances"], data["leakage_at_half_strength_by_instances"]
    rows = [
        ("strength 1, without", full["without_mis"], "box"),
        ("*average*", full["with_mis"], "mis_average"),
        ("strength 0.5, without", half["without_mis"], "weak"),
        *((title, half["with_mis"][merge], f"weak_mis_{merge}") for merge, title in MERGES.items()),
    ]
    numbers = list(full["without_mis"])
    lines = [
        [
            title,
            *(percent(found[n]) for n in numbers),
            percent(data["cases"][case]["leakage"]),
            rounded(data["cases"][case]["success"], 2),
        ]
        for title, found, case in rows
    ]
    return markdown(["instances", *numbers, "all", "passed"], lines)


def canvases(data: Data) -> str:
    """By boxes and by points on canvases of every shape, and with many instances."""
    rows = []
    for name, scenes in data["scenes"].items():
        box, point = scenes["cases"]["box"], scenes["cases"]["point"]
        figures = [box[key] for key in ("box_ap50", "color_acc", "texture_acc", "success")] + [point["pim_point"]]
        canvas, _, count = name.partition(", ")
        rows.append(
            [
                canvas,
                count,
                f"{scenes['pictures']} / {box['instances']}",
                *("-" if one is None else rounded(one) for one in figures),
            ]
        )
    head = ["canvas", "instances", "pictures / instances in all", "box AP50", "colour right", "texture right", "passed"]
    return markdown([*head, "Points-in-Mask, given points"], rows)


def branches_leak(data: Data) -> str:
    """Leaked colour at full strength without multi-instance sampling and with it, with 95 % confidence intervals of the differences."""
    rows = []
    for name, scenes in data["scenes"].items():
        cases = scenes["cases"]
        if "average" not in cases:
            continue
        mean, error = (100 * value for value in cases["average"]["leaked more"])
        interval = f"{mean - 1.96 * error:+.1f} to {mean + 1.96 * error:+.1f}"
        figures = [percent(cases[case]["leakage"]) for case in ("box", "average")]
        passed = [rounded(cases[case]["success"]) for case in ("box", "average")]
        rows.append([name.partition(", ")[2], *figures, interval, *passed])
    head = [
        "instances",
        "leaked without",
        "with *average*",
        "difference, 95 % interval, in points",
        "passed without",
        "with",
    ]
    return markdown(head, rows)


def overlaps(data: Data) -> str:
    """A row for each condition of the six experiments: means, with their 95 % confidence intervals."""
    rows = []
    for one in data["results"]:
        figures = [
            f"{name} {value:.2f} ({low:.2f} to {high:.2f})"
            for name, (value, low, high) in ((n, v) for n, v in one.items() if isinstance(v, list))
        ]
        rows.append([one["test"], one["condition"], one["pictures"], ", ".join(figures)])
    return markdown(["test", "layout", "pictures", "means (95 % confidence interval)"], rows)


def references(data: Data) -> str:
    """A row for each way of each case: means, that of the reference's colour with its 95 % confidence interval."""
    rows = []
    for one in data["results"]:
        value, low, high = one["reference's colour"]
        others = [
            f"{one[name][0]:.2f}" for name in ("pixels of its colour", "shape of the prompt", "other instance kept")
        ]
        rows.append([one["case"], one["way"], one["pictures"], f"{value:.2f} ({low:.2f} to {high:.2f})", *others])
    head = ["prompt and reference", "Apply References", "pictures", "reference's colour (95 % interval)"]
    return markdown([*head, "pixels of its colour", "shape of the prompt", "other instance kept"], rows)


def short_training(data: Data) -> str:
    """What was drawn before the training and after it."""
    names = {"box_ap50": "box AP50", "success": "share of instances that pass", "color_acc": "colour right"}
    rows = [[name, rounded(data["before"][key]), f"**{rounded(data['after'][key])}**"] for key, name in names.items()]
    return markdown(["measure", "before", f"after {data['steps']} steps"], rows)


def edits(data: Data) -> str:
    """Does an edit act, and what else does it change?"""
    rows = []
    for name, one in data["edits"].items():
        acts = [rounded(one[f"{way}: acts"], 2) for way in ("new caption", "old caption", "new caption, other noise")]
        changed = [rounded(one[f"{way}: changed outside"], 1) for way in ("new caption", "new caption, other noise")]
        rows.append([name, *acts, *changed])
    head = ["edit", "acts: new caption", "old caption", "new caption, other noise"]
    return markdown([*head, "pixels changed elsewhere, of 255: same noise", "other noise"], rows)


def lora(data: Data) -> str:
    """A LoRA on one instance: where it acts."""
    titles = {"whole model": "LoRA on the whole model"}
    titles |= {f"strength {n}": f"`strength` {n}" for n in (1, 2, 4, 10)}
    titles["branches, strength 10"] = "`strength` 10, in branches (share 0.36)"
    rows = []
    for case, title in titles.items():
        one = data["cases"][case]
        changed = f"{rounded(one['change inside'], 1)} / {rounded(one['change outside'], 1)}"
        rows.append([title, rounded(one["checkered chosen"], 2), rounded(one["checkered others"], 2), changed])
    head = ["", "chosen instance checkered", "others made checkered", "pixels changed inside / outside, of 255"]
    return markdown(head, rows)


def models(data: Data) -> str:
    """Of regions.json: the proof for each family of models."""
    rows = [
        (
            name, str(one["calls"]), f"{_small(one['first_outside'])} / {_small(one['first_inside'])}",
            f"{'convolutions mix' if one['final_outside'] is None else _small(one['final_outside'])} / {_small(one['final_inside'])}",
            *(_small(one[key]) for key in ("allowed", "batch", "apart", "again", "absent")),
        )
        for name, one in data["families"].items()
    ]  # fmt: skip
    head = [
        "model",
        "masked calls",
        "first meeting: outside / inside",
        "cut, prediction: outside / inside",
        "all allowed",
    ]
    return markdown([*head, "batch of two", "one call or two", "second run", "nothing to do"], rows)


STEERED = {
    "base": "the base alone, the caption as prompt",
    "masked": "masked conditioning",
    "regions": "regions, default settings, the caption as prompt",
    "regions_alone": "regions",
    "regions_cut": "regions, `picture_attention` *cut*",
    "windows_alone": "windows alone, in all steps",
    "windows": "regions, and windows in the first third of the steps",
    "unifusion": "Apply InstDiff (trained for it)",
}


def steering(data: Data) -> str:
    """Of steering.json: how far regions and windows steer a model that was not trained for locations."""
    rows = []
    for case, name in STEERED.items():
        one = data["cases"][case]
        color = "none found" if one["color_acc"] is None else rounded(one["color_acc"])
        scores = rounded(one["box_ap50"]), color, percent(one["leakage"]), rounded(one["success"])
        rows.append((name, *scores, rounded(one["cost"])))
    head = ["with boxes", "AP50", "right colour, of those found", "leaked colour", "instances that pass", "model calls"]
    return markdown(head, rows)


def flow_steering(data: Data) -> str:
    """Of flow_steering.json: the same for a small flow transformer, at several numbers of steps."""
    rows = []
    for steps, cases in data["steps"].items():
        for case, one in cases.items():
            color = "none found" if one["color_acc"] is None else rounded(one["color_acc"])
            scores = rounded(one["box_ap50"]), color, percent(one["leakage"]), rounded(one["success"])
            rows.append((steps, STEERED[case], *scores, rounded(one["cost"])))
    head = ["steps", "with boxes", "AP50", "right colour, of those found", "leaked colour", "instances that pass"]
    return markdown([*head, "model calls"], rows)


def layout_cost(data: Data) -> str:
    """Of layout_cost.json: multiply-adds of a step with six instances, over one without a layout."""
    rows = [
        (name, str(one["tokens"]), *(rounded(one[key]) for key in ("regions", "windows", "masked")))
        for name, one in data["families"].items()
    ]
    head = ["model", "tokens of a prompt", "regions", "regions and windows", "masked conditioning"]
    return markdown(head, rows)


def _small(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}" if value < 1e-3 else f"{value:.2g}"


def percent(value: float | None) -> str:
    """0.0232 -> "2.3 %"; "-" where nothing could leak."""
    return "-" if value is None else f"{rounded(100 * value, 1)} %"
