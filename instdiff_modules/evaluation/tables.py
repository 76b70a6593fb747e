"""The paper's tables with this run's numbers beside those that were published: Markdown, and the same as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..layout.json_text import read_json
from .published import TABLES, VAL2017, Measure, Table, table_of
from .workflow import SIZE

PAPER, REPRODUCTION, RUN, DIFFERENCE = "paper", "reproduction", "this run", "this run - paper"


def table_dict(result: Mapping[str, Any]) -> dict[str, Any]:
    """One run's table: {format, title, columns, rows: {name: [value or null]}, notes}; values as they are published.

    result: a `results.json`, with format, pictures (how many were measured), wanted (how many there should be), about and values.
    """
    table = table_of(result["format"])
    measured = [_published(measure, result["values"].get(measure.key)) for measure in table.measures]
    rows = {
        PAPER: [m.paper for m in table.measures],
        REPRODUCTION: [m.reproduction for m in table.measures],
        RUN: measured,
        DIFFERENCE: [
            None if v is None or m.paper is None else v - m.paper for m, v in zip(table.measures, measured, strict=True)
        ],
    }
    return {
        "format": table.format,
        "title": table.title,
        "columns": [m.heading for m in table.measures],
        "rows": rows,
        "notes": notes(table, result),
    }


def table_markdown(result: Mapping[str, Any]) -> str:
    table, given = table_of(result["format"]), table_dict(result)
    lines = [
        f"### {given['title']}",
        "",
        "| | " + " | ".join(given["columns"]) + " |",
        "|---|" + "---:|" * len(given["columns"]),
    ]
    for name, values in given["rows"].items():
        title = f"{name} ({result['pictures']} pictures)" if name == RUN else name
        cells = [
            _shown(measure, value, name == DIFFERENCE) for measure, value in zip(table.measures, values, strict=True)
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    others = {
        key: value
        for key, value in result["values"].items()
        if value is not None and key not in {m.key for m in table.measures}
    }
    more = (
        ["", "Also measured, 0..1: " + ", ".join(f"{key} {value:.4f}" for key, value in others.items()) + "."]
        if others
        else []
    )
    return "\n".join([*lines, "", *(f"* {note}" for note in given["notes"]), *more])


def notes(table: Table, result: Mapping[str, Any]) -> list[str]:
    """What one has to know before comparing."""
    about, out = result["about"], []
    if result["pictures"] < result["wanted"]:
        out.append(f"{result['wanted'] - result['pictures']} of {result['wanted']} pictures are missing.")
    if result["wanted"] != VAL2017:
        more = (
            "; the reproduction's tenth gave averages 11 to 18 points above the paper's"
            if table.subset_misleads
            else ""
        )
        out.append(
            f"The paper measures all {VAL2017} pictures of val2017, this run {result['wanted']}{more}. "
            "Numbers of a part are not comparable with those of the whole."
        )
    if about["size"] != SIZE:
        out.append(f"Pictures of {about['size']}x{about['size']} pixels; the paper's are {SIZE}x{SIZE}.")
    if about["captions"] is None:
        out.append("Prompts without COCO's captions; the paper's have them.")
    if about.get("locations") == "given":
        out.append(
            "The model was given this kind of location alone; the authors' configuration may keep others too (scribbles come with boxes and masks)."
        )
    if "file" in about["workflow"]:
        out.append(f"Made with the workflow {about['workflow']['file'].split()[0]}, not with the authors' settings.")
    out.append(f"Detections: {result['detections']}. The paper's detector is YOLOv8m; its FID is not computed here.")
    return out


def document(results: Sequence[Mapping[str, Any]]) -> str:
    """Markdown of one run or of several."""
    return "\n\n".join(["# The paper's evaluation on COCO", *map(table_markdown, results)]) + "\n"


def results_of(run: Path) -> list[dict[str, Any]]:
    """What `score` wrote into the folder of a run. ValueError if it did not, or if that is damaged."""
    path = run / "results.json"
    if not path.is_file():
        raise ValueError(f"{run} has no results.json: run the command `score` on it first.")
    content = read_json(path)
    tables = content.get("tables") if isinstance(content, Mapping) else None
    results = (
        [table.get("result") for table in tables if isinstance(table, Mapping)] if isinstance(tables, list) else []
    )
    if not results or not all(_is_result(result) for result in results):
        raise ValueError(f"{path} is not what the command `score` writes: run it again on {run}.")
    return [dict(result) for result in results if result is not None]


def _is_result(result: Any) -> bool:
    """Whether every field that a table is made of is there and of its kind."""
    if not isinstance(result, Mapping) or result.get("format") not in [table.format for table in TABLES]:
        return False
    values, about = result.get("values"), result.get("about")
    if not isinstance(values, Mapping) or not isinstance(about, Mapping):
        return False
    workflow = about.get("workflow")
    return (
        all(type(result.get(key)) is int for key in ("pictures", "wanted"))
        and isinstance(result.get("detections"), str)
        and all(value is None or type(value) in (int, float) for value in values.values())
        and type(about.get("size")) is int
        and "captions" in about
        and isinstance(workflow, Mapping)
        and isinstance(workflow.get("file", "-"), str)
        and workflow.get("file", "-").split() != []
    )


def _published(measure: Measure, value: float | None) -> float | None:
    return None if value is None else value * 100 if measure.percent else value


def _shown(measure: Measure, value: float | None, signed: bool) -> str:
    if value is None:
        return "-"
    digits = 3 if measure.key == "local_clip" else 1
    return f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
