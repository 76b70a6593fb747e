"""The benchmarks' tables with this run's numbers beside those that were published: Markdown, and the same as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..layout.json_text import read_json
from .notes import notes
from .published import COCO_TABLES, Measure, Table
from .published_benchmarks import BENCHMARK_TABLES

TABLES = (*COCO_TABLES, *BENCHMARK_TABLES)
RUN = "this run"


def table_of(format: str) -> Table:
    """The published table of a format. KeyError for another word."""
    return {table.format: table for table in TABLES}[format]


def table_dict(result: Mapping[str, Any]) -> dict[str, Any]:
    """One run's table: {format, title, columns, rows: {name: [value or null]}, notes}; values as they are published.

    result: a `results.json`, with format, pictures (how many were measured), wanted (how many there should be), about and values.
    """
    table = table_of(result["format"])
    measured = [_published(measure, result["values"].get(measure.key)) for measure in table.measures]
    published = {row.name: list(row.values) for row in table.rows}
    rows = {
        **published,
        RUN: measured,
        _difference(table): [
            None if one is None or other is None else one - other
            for one, other in zip(measured, published[table.compare], strict=True)
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
            _shown(measure, value, name == _difference(table))
            for measure, value in zip(table.measures, values, strict=True)
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


def document(results: Sequence[Mapping[str, Any]]) -> str:
    """Markdown of one run or of several."""
    coco = {table.format for table in COCO_TABLES}
    title = "The paper's evaluation on COCO" if all(result["format"] in coco for result in results) else "Evaluation"
    return "\n\n".join([f"# {title}", *map(table_markdown, results)]) + "\n"


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


def _difference(table: Table) -> str:
    return f"{RUN} - {table.compare}"


def _published(measure: Measure, value: float | None) -> float | None:
    return None if value is None else value * 100 if measure.percent else value


def _shown(measure: Measure, value: float | None, signed: bool) -> str:
    if value is None:
        return "-"
    return f"{value:+.{measure.digits}f}" if signed else f"{value:.{measure.digits}f}"
