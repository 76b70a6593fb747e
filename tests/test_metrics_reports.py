"""What is shown of a score: records, tables, and the marks on the picture."""

from dataclasses import replace

import numpy as np
from instdiff.instdiff_modules.geometry.growing import grown
from instdiff.instdiff_modules.layout.instance import Instance, Layout
from instdiff.instdiff_modules.metrics.detection import Detection
from instdiff.instdiff_modules.metrics.marks import FAIL, PASS, draw_marks
from instdiff.instdiff_modules.metrics.record import record_from_dict, record_to_dict
from instdiff.instdiff_modules.metrics.report import rows_table, summarise, totals_table
from instdiff.instdiff_modules.metrics.score import Settings, score_picture
from support.measured import BOX, FOX, SCENE, at, other, scored, shape_record


def test_records_survive_json_and_tables_can_be_read() -> None:
    record = shape_record(SCENE, other(0, color="purple"))
    assert record_from_dict(record_to_dict(record)) == record
    table = rows_table([record])
    assert table.count("\n") == 5 and "| 1 | a red star | FAIL |" in table and "purple instead of red" in table
    assert "scene" not in table and "| scene | 1 |" in rows_table([record, record])
    assert rows_table([shape_record(SCENE)], failed_only=True) == "No instance failed."
    assert "| color_acc | 0.7500 | 4 |" in totals_table(summarise([record]))
    odd = scored([replace(FOX, prompt="a | fox\n fox " * 20)], [])
    assert all(line.count(" | ") == 4 for line in rows_table([odd]).splitlines()[2:])


def test_hidden_instances_do_not_count_and_numbers_are_those_of_the_layout() -> None:
    record = scored([replace(FOX, visible=False), FOX], [at(BOX)])
    assert [row.number for row in record.rows] == [2] and record.score == 1


def test_the_marks_are_green_and_red_and_tint_nothing() -> None:
    layout = Layout(
        (FOX, Instance("owl", "an owl", box=(0.05, 0.6, 0.2, 0.95)), Instance("p", "a fox", point=(0.9, 0.1)))
    )
    record = score_picture("", layout, [replace(at(BOX), mask=None)], (480, 320), Settings(categories=("fox", "owl")))
    picture = np.full((320, 480, 3), 77, np.uint8)
    drawn = draw_marks(picture, layout, record)
    assert drawn.shape == picture.shape and (picture == 77).all()
    assert (drawn[159, 200] == PASS).all() and (drawn[303, 40] == FAIL).all(), "the lower edges of the boxes"
    assert (drawn[120:150, 200:300] == 77).all(), "inside, the picture stays as it is"


def test_the_labels_leave_the_shapes_free() -> None:
    words = "a striped blue circle with a long prompt that fills several lines of a label"
    boxes = [(0.1 + 0.3 * i, 0.1 + 0.3 * j, 0.3 + 0.3 * i, 0.3 + 0.3 * j) for i in range(3) for j in range(3)]
    layout = Layout(tuple(Instance(str(i), words, box=box) for i, box in enumerate(boxes)))
    record = score_picture("", layout, [], (256, 256), Settings(categories=("circle",)))
    drawn = draw_marks(np.full((256, 256, 3), 77, np.uint8), layout, record)
    for x0, y0, x1, y1 in (tuple(round(v * 256) for v in box) for box in boxes):
        assert (drawn[y0 + 4 : y1 - 24, x0 + 4 : x1 - 24] == 77).all(), "only the outline and the mark"


def test_every_label_is_at_its_shape_or_tied_to_it() -> None:
    """Four that overlap in the middle: the labels stand around, and from each a line of its colour leads into the heap."""
    boxes = [(0.3, 0.3, 0.6, 0.6), (0.35, 0.35, 0.65, 0.65), (0.4, 0.3, 0.7, 0.6), (0.33, 0.4, 0.68, 0.7)]
    layout = Layout(tuple(Instance(str(i), "a fox", box=box) for i, box in enumerate(boxes)))
    found = [Detection("fox", box) for box in boxes[:2]]
    record = score_picture("", layout, found, (256, 256), Settings(categories=("fox",)))
    drawn = draw_marks(np.full((512, 512, 3), 77, np.uint8), layout, record)
    assert drawn.shape == (512, 512, 3), "an enlarged picture of the record's own"
    assert (drawn[200, 154] == PASS).all() and (drawn[300, 356] == FAIL).all(), "places are those of this picture"
    painted = (drawn != 77).any(-1)
    assert painted[:152].any() and painted[:, :150].any() and painted[360:].any(), "the labels stand around"
    tied = np.zeros_like(painted)
    tied[200, 154] = True
    while (more := grown(tied, 1) & painted).sum() > tied.sum():
        tied = more
    floats = painted & ~tied
    floats[180:350, 180:350] = False  # the marks lie inside their shapes
    assert not floats.any()


def test_a_label_that_finds_no_room_in_two_lines_is_written_in_one() -> None:
    words = ("a yellow circle", "a red heart", "a striped blue square")
    boxes = ((0.08, 0.08, 0.42, 0.42), (0.56, 0.1, 0.92, 0.46), (0.3, 0.54, 0.7, 0.92))
    layout = Layout(tuple(Instance(one, one, box=box) for one, box in zip(words, boxes, strict=True)))
    record = score_picture("", layout, [], (256, 256), Settings(categories=("circle", "heart", "square")))
    drawn = draw_marks(np.full((256, 256, 3), 200, np.uint8), layout, record)
    for one, rows in ((words[0], drawn[2:18, :130]), (words[2], drawn[238:254])):
        plate = (rows.max(2) < 100).any(0).sum()
        assert plate > 4 * len(one), f"the plate of {one} is as long as its words"
