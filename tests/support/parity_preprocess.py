"""Parity of the preprocessing: demo files, masks, strokes, attention masks, noise schedule and alpha schedule."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from instdiff.instdiff_modules.geometry import points as geometry
from instdiff.instdiff_modules.grounding.inputs import build_grounding
from instdiff.instdiff_modules.importers import read_layout
from support import authors_demo as authors
from support import authors_schedule as schedule
from support.parity_networks import Row
from torch import Tensor

Entry = Mapping[str, Any]
Tensors = Mapping[str, Tensor]
RECORDED_FORMATS = ("boxes", "masks", "points", "scribbles", "polygons", "segs")


def run_case(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    """Every comparison of one entry of cases 6 (schedule), 7 or 8, recognised by the function that made it."""
    for pattern, case in _KINDS:
        if re.search(pattern, entry.get("made_by", "")) or re.search(pattern, entry.get("id", "")):
            yield from case(entry, tensors, manifest, Path(folder))
            return
    raise ValueError(f"unknown entry: made by {entry.get('made_by')!r}")


def stored(item: Any, tensors: Tensors) -> Tensor:
    """The value that an output stands for: float32, padded to 30 slots, bits unpacked."""
    if "zeros" in item:
        return torch.zeros(item["zeros"])
    value = tensors[item["tensor"]]
    if "unpacked_shape" in item:
        shape = item["unpacked_shape"]
        bits = torch.from_numpy(np.unpackbits(value.numpy(), axis=-1)[..., : shape[-1]]).float()
        if "slots" not in item:
            return bits.reshape(shape)
        full = torch.zeros(shape)
        full[0, item["slots"]] = bits
        return full
    slots = re.match(r"first \d+ of (\d+) slots, the rest zeros", item.get("note", ""))
    if slots:
        full = torch.zeros(value.shape[0], int(slots[1]), *value.shape[2:])
        full[:, : value.shape[1]] = value
        return full
    return value


def mask_of(item: Entry, tensors: Tensors, shape: tuple[int, int] | None = None) -> np.ndarray:
    bits = np.unpackbits(tensors[item["tensor"]].numpy(), axis=-1).astype(bool)
    return bits if shape is None else bits[: shape[0], : shape[1]]


def same(label: str, ours: Any, golden: Any) -> Row:
    """Anything but numbers: equal or not."""
    return Row(label, torch.tensor([float(ours == golden)]), torch.ones(1), 0.0)


def close(label: str, ours: Any, golden: Any, atol: float) -> Row:
    return Row(
        label,
        torch.as_tensor(np.array(ours, dtype=np.float64)),
        torch.as_tensor(np.asarray(golden), dtype=torch.float64),
        atol,
    )


def raises(label: str, call: Callable[[], Any]) -> Row:
    """The reference fails here; in the authors' mode we must refuse too."""
    try:
        call()
    except ValueError:
        return same(label, True, True)
    return same(label, "no error", "error")


def atol_of(entry: Entry) -> float:
    return float(entry["tolerance"].get("suggested_atol", 0.0)) if isinstance(entry["tolerance"], Mapping) else 0.0


def _demo(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    inputs, outputs, atol = entry["inputs"], entry["outputs"], atol_of(entry)
    demo = (
        inputs["json"]
        if isinstance(inputs["json"], Mapping)
        else json.loads(_demo_file(inputs["json"], folder).read_text())
    )
    if entry.get("error"):
        yield raises("raises", lambda: authors.authors_inputs(demo, honour_masks=False))
        return
    shipped = authors.authors_inputs(demo, honour_masks=False)
    yield same("prompt", shipped.prompt, entry["prompt"])
    yield same("phrases", list(shipped.phrases), entry["phrases"])
    yield same("has_mask", [bool(anno.get("mask")) for anno in demo["annos"]], inputs["has_mask"])
    for key, item in outputs.items():
        branch = re.fullmatch(r"mis_branch_input_of_instance_index_(\d+)", key)
        if key == "as_shipped":
            yield from _formats(key, shipped, item, tensors, atol)
        elif key == "masks_honoured":
            yield from _honoured(demo, shipped, item, tensors, atol)
        elif key in ("att_masks_xy_as_shipped", "att_masks_yx"):
            golden, boxes = stored(item, tensors), shipped.locations[: int(shipped.masks.sum())]
            ours = torch.zeros_like(golden)
            size = golden.shape[-2:]
            transposed = key == "att_masks_xy_as_shipped"
            ours[: len(boxes)] = torch.from_numpy(
                geometry.attention_masks(boxes, *size, transposed=transposed, keep_small=False)
            )
            yield Row(key, ours, golden, 0.0)
        elif key in ("locations_float64", "points_float64"):
            yield close(key, shipped.locations if key[0] == "l" else shipped.centers, item, 1e-12)
        elif branch:
            alone = authors.authors_instance(shipped, int(branch[1]))
            yield close(f"{key}/boxes", alone.boxes[0, 0], item["boxes"], atol)
            yield close(f"{key}/points", alone.points[0, 0], item["points"], atol)
            yield close(f"{key}/masks", alone.masks[0, : len(item["masks_first3"])], item["masks_first3"], 0.0)
            yield same(f"{key}/prompt", alone.prompt, item["prompt"])
        else:
            raise ValueError(f"unknown output {key!r}")


def _demo_file(name: str, folder: Path) -> Path:
    name = re.search(r"[\w.-]+\.json", name)[0]
    for place in (folder.resolve().parent / "demos", folder / "demos", folder):
        if (place / name).is_file():
            return place / name
    raise ValueError(f"{name} of the reference's demos is neither in {folder.parent}/demos nor in {folder}/demos")


def _formats(label: str, ours: authors.AuthorsInputs, item: Entry, tensors: Tensors, atol: float) -> Iterator[Row]:
    for name in RECORDED_FORMATS:
        yield Row(f"{label}/{name}", getattr(ours, name), stored(item[name], tensors), 0.0 if name == "masks" else atol)


def _honoured(demo: Entry, shipped: authors.AuthorsInputs, item: Any, tensors: Tensors, atol: float) -> Iterator[Row]:
    if isinstance(item, str):  # "same as as_shipped: this demo has no masks"
        honoured = authors.authors_inputs(demo, honour_masks=True)
        yield same(
            "masks_honoured/same",
            [torch.equal(a, b) for a, b in zip(honoured[:6], shipped[:6], strict=True)],
            [True] * 6,
        )
        return
    honoured = authors.authors_inputs(demo, honour_masks=True, seed=item["rng_seed"])
    yield from _formats("masks_honoured", honoured, item, tensors, atol)
    # The way a user's demo takes: importer and build_grounding, whose masks must come out the same.
    instances = read_layout(demo).instances
    ours = build_grounding([instances], [torch.zeros(len(instances), 768)], seed=item["rng_seed"])
    yield Row("build_grounding/polygons", ours.polygons, stored(item["polygons"], tensors), atol)
    yield Row("build_grounding/segs", ours.segs, stored(item["segs"], tensors), atol)


def _mask(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    outputs, atol, seed = entry["outputs"], atol_of(entry), entry["rng_seed"]
    height, width = entry["inputs"]["shape_hw"]
    mask = mask_of(entry["inputs"]["mask"], tensors, (height, width))
    yield same("foreground_pixels", int(mask.sum()), entry["inputs"]["foreground_pixels"])
    scribble = geometry.mask_scribble_points(mask, np.random.RandomState(seed))
    polygon = geometry.mask_polygon_points(mask, rng=random.Random(seed))
    contours = geometry.mask_contours(mask)
    for key, item in outputs.items():
        if key == "n_contours":
            yield same(key, len(contours), item)
        elif key == "contours":
            yield same(f"{key}/points", [len(c) for c in contours[: len(item)]], [c["points"] for c in item])
            for i, (ours, golden) in enumerate(zip(contours[: len(item)], item, strict=True)):
                yield close(f"{key}/{i}/first", ours.reshape(-1)[: len(golden["first"])], golden["first"], 0.0)
                ranges = [[ours[:, axis].min(), ours[:, axis].max()] for axis in (0, 1)]
                yield close(f"{key}/{i}/range", ranges, [golden["x_range"], golden["y_range"]], 0.0)
        elif key.startswith("polygon") and isinstance(item, str):
            yield same(key, polygon is None, True)
        elif key in ("scribble_px", "polygon_px"):
            yield close(key, (scribble if key[0] == "s" else polygon).reshape(-1), stored(item, tensors), 0.0)
        elif key in ("scribble", "polygon"):
            yield close(
                key,
                geometry.scale_points(scribble if key[0] == "s" else polygon, height, width),
                stored(item, tensors),
                atol,
            )
        elif key == "seg_resized_512":
            yield close(key, geometry.resize_seg(mask), stored(item, tensors), atol)
        else:
            raise ValueError(f"unknown output {key!r}")


def _reorder(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    points = tensors[entry["inputs"]["points"]["tensor"]].numpy()
    golden = stored(entry["outputs"]["points20"], tensors)
    yield close("points20", geometry.reorder_points(points, len(golden)), golden, atol_of(entry))


def _attention_masks(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    boxes, size = entry["inputs"]["boxes_xyxy"], entry["inputs"]["image_size"]
    masks = geometry.attention_masks(boxes, size, size, transposed=True)
    yield close("filled_cells", masks.sum((1, 2)), entry["filled_cells"], 0.0)
    golden = stored(entry["outputs"]["att_masks"], tensors)
    ours = torch.zeros_like(golden)
    ours[: len(masks)] = torch.from_numpy(masks)
    yield Row("att_masks", ours, golden, 0.0)


def _eval(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    inputs, outputs, atol = entry["inputs"], entry["outputs"], atol_of(entry)
    scribble, polygon, mask = authors.authors_eval_inputs(
        inputs["polygon_xy_px"], inputs["height"], inputs["width"], entry["rng_seed"]
    )
    yield close("scribbles", scribble, stored(outputs["scribbles"], tensors), atol)
    yield close("polygons", polygon, stored(outputs["polygons"], tensors), atol)
    yield close("mask512", mask, mask_of(outputs["mask512_bits"], tensors), 0.0)


def _single_instance(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    mask, outputs = mask_of(entry["inputs"]["mask_bits"], tensors), entry["outputs"]
    seg = authors.authors_single_seg(mask)
    yield same("rows_equal_first", bool((seg == mask[0]).all()), outputs["slot0_rows_all_equal_to_first_row_of_mask"])
    yield close("slot0_sum", [seg.sum()], [outputs["slot0_sum"]], 0.0)
    yield close("mask_sum", [geometry.resize_seg(mask).sum()], [outputs["mask_sum"]], 0.0)


def _tables(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    tables = schedule.noise_tables()
    for name, item in entry["outputs"].items():
        yield Row(name, getattr(tables, name).float(), stored(item, tensors), atol_of(entry))
    refused = [s for s in range(1, 1001) if _refuses(schedule.plms_timesteps, s, authors=True)]
    yield same("S_that_raise", refused, manifest["S_that_raise_IndexError"])
    counts = manifest["S_up_to_100_with_more_steps_than_asked"]
    yield same("actual_steps", {s: len(schedule.plms_timesteps(int(s), authors=True)) for s in counts}, dict(counts))


def _timesteps(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    steps, atol = entry["inputs"]["S"], atol_of(entry) if "tolerance" in entry else 0.0
    if entry.get("error"):
        yield raises("raises", lambda: schedule.plms_timesteps(steps, authors=True))
        return
    falling = schedule.plms_timesteps(steps, authors=True)
    alphas = schedule.noise_tables().alphas_cumprod.float()
    yield same("actual_steps", len(falling), entry["actual_steps"])
    for key, item in entry["outputs"].items():
        golden = stored(item, tensors)
        if key == "ddim_timesteps_ascending":
            yield close(key, falling[::-1], golden, 0.0)
        elif key == "alphas":
            yield Row(key, alphas[falling[::-1]], golden, atol)
        elif key == "alphas_prev":
            yield Row(key, alphas[[0, *falling[:0:-1]]], golden, atol)
        elif key == "sigmas_descending_edm":
            yield Row(key, schedule.plms_sigmas(steps, authors=True)[:-1].float(), golden, atol)
        else:
            raise ValueError(f"unknown output {key!r}")


def _alpha(entry: Entry, tensors: Tensors, manifest: Entry, folder: Path) -> Iterator[Row]:
    length, kind = entry["inputs"]["length"], entry["inputs"]["type"]
    if entry.get("error"):
        yield raises("raises", lambda: schedule.alpha_schedule(length, kind, authors=True))
    else:
        golden = stored(entry["outputs"]["alphas"], tensors)
        yield close("alphas", schedule.alpha_schedule(length, kind, authors=True), golden, atol_of(entry))
    wrong = manifest.get("decay_lengths_1_to_300_where_arange_yields_the_wrong_count")
    if wrong is not None and entry is manifest["cases"][0]:
        refused = [n for n in range(1, 301) if _refuses(schedule.alpha_schedule, n, (0, 1, 0), authors=True)]
        yield same("decay_lengths_that_raise", refused, wrong)


def _refuses(call: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    try:
        call(*args, **kwargs)
    except ValueError:
        return True
    return False


_KINDS: tuple[tuple[str, Callable[..., Iterator[Row]]], ...] = (
    (r"inference\.py main section", _demo),
    (r"sample_random_points_from_mask", _mask),
    (r"reorder_scribbles", _reorder),
    (r"get_attmask_w_box", _attention_masks),
    (r"prepare_scribble_and_instmask", _eval),
    (r"\.squeeze\(\)", _single_instance),
    (r"register_schedule", _tables),
    (r"PLMSSampler\.make_schedule", _timesteps),
    (r"alpha_generator", _alpha),
)
PREPROCESS_CASES = dict.fromkeys(("case6_schedule", "case7_preprocess", "case8_alpha"), run_case)
