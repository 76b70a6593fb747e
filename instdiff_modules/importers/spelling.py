"""Other spellings of the fields of an item of a list: BBox, xMin, tagName, bounding-box."""

import re
from collections.abc import Mapping
from typing import Any

MAX_FIELDS = 200  # of an item; what has more is none
# Fields that are known as they are. Any other is compared by its letters alone.
_NAMES = (
    "bbox box bounding_box boundingBox box_2d bbox_2d box_cxcywh bbox_cxcywh bbox_xyxy bbox_xywh bbox_normalized coordinates relative_coordinates "
    "xmin ymin xmax ymax x_min y_min x_max y_max x0 y0 x1 y1 x2 y2 left top right bottom minX minY maxX maxY x y width height w h cx cy "
    "center_x center_y x_center y_center xcenter ycenter origin_x origin_y top_left bottom_right size center position "
    "label class_name className category_name class category name text_label caption prompt phrase desc description text object title labels tags cls "
    "categories score confidence conf probability class_id classId category_id detection_id segmentation segments points polygon mask metadata"
).split()
_KNOWN = frozenset(_NAMES)
_MEANT = {
    "class_name": "labelname classlabel classtitle objectname objectclass tagname tag entity entityname categorylabel",
    "bbox": "bndbox coords boxcoords bboxcoords boxcoordinates bboxcoordinates rectangle bounds",
    "box_cxcywh": "cxcywh",
    "top_left": "topleft upperleft lefttop min",
    "bottom_right": "bottomright lowerright rightbottom max",
    "center": "centre",
    "size": "dimensions",
    "position": "origin",
    "polygon": "polygons",
}
_BY_LETTERS = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(_NAMES)} | {
    other: name for name, others in _MEANT.items() for other in others.split()
}


def respelt(item: Any) -> Any:
    """An object with its fields under the names that are known; anything else as it came."""
    if not isinstance(item, Mapping) or len(item) > MAX_FIELDS or all(key in _KNOWN for key in item):
        return item
    out = {key: value for key, value in item.items() if key in _KNOWN}
    for key, value in item.items():
        if key not in out:
            name = (
                _BY_LETTERS.get(re.sub(r"[^a-z0-9]", "", key.lower()), key)
                if isinstance(key, str) and len(key) < 40
                else key
            )
            out[key if name in out else name] = value
    return out
