"""What one has to know before comparing a run with published numbers: sentences under its table."""

from collections.abc import Mapping
from typing import Any

from .published import VAL2017, Table
from .workflow import SIZE


def notes(table: Table, result: Mapping[str, Any]) -> list[str]:
    """result: see `tables.table_dict`."""
    missing = result["wanted"] - result["pictures"]
    first = [f"{missing} of {result['wanted']} pictures are missing."] if missing else []
    return first + (_benchmark(table, result) if table.sources else _coco(table, result))


def _coco(table: Table, result: Mapping[str, Any]) -> list[str]:
    about, out = result["about"], []
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
    out += _workflow(about)
    out.append(f"Detections: {result['detections']}. The paper's detector is YOLOv8m; its FID is not computed here.")
    return out


def _benchmark(table: Table, result: Mapping[str, Any]) -> list[str]:
    about, out = result["about"], []
    if result["wanted"] != table.whole:
        out.append(
            f"The published numbers are of {table.whole} pictures, this run's of {result['wanted']}. "
            "Numbers of a part, or of another sample, are not comparable with them."
        )
    out.append(f"Pictures of {about['size']}x{about['size']} pixels.")
    out += _workflow(about)
    out.append(f"Measured by: {result['detections']}.")
    return out + list(table.sources)


def _workflow(about: Mapping[str, Any]) -> list[str]:
    if "file" not in about["workflow"]:
        return []
    return [f"Made with the workflow {about['workflow']['file'].split()[0]}, not with the authors' settings."]
