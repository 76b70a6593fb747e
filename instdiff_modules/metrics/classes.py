"""Which detections may stand for which instances: the classes of COCO's evaluation, from prompts and labels."""

import re
from collections.abc import Collection

from ..layout.instance import Instance
from .detection import Detection

CLASSES = ("category", "phrase", "any")
ANYTHING = "object"  # the only class if classes are not told apart


def plain_words(text: str) -> str:
    """Small letters, no punctuation, single spaces: "A Red  fox." -> "a red fox"."""
    return " ".join(re.findall(r"\w+", text.lower()))


def detection_class(detection: Detection, classes: str) -> str | None:
    """Its class: "category": its shape if it has one, else its label; "phrase": its label. None: unknown, fits any instance."""
    if classes == "any":
        return ANYTHING
    label = detection.attributes.get("shape", detection.label) if classes == "category" else detection.label
    return None if label is None else _no_article(plain_words(label))


def instance_class(instance: Instance, classes: str, categories: Collection[str]) -> str:
    """The class that a detection must have to stand for an instance.

    "category": the field category_name of the authors' files, else the first of the detector's `categories` that the
    prompt names as whole words, the longer one of two that begin together ("a hot dog" is not a dog). Where there is none,
    and for "phrase", the prompt itself without its article: no detection of a category will fit it.
    """
    if classes == "any":
        return ANYTHING
    prompt = _no_article(plain_words(instance.prompt))
    if classes == "phrase":
        return prompt
    stated = instance.extra.get("category_name")
    if isinstance(stated, str) and stated.strip():
        return _no_article(plain_words(stated))
    named = []
    for category in (_no_article(plain_words(category)) for category in categories):
        at = f" {prompt} ".find(f" {category} ") if category else -1  # both are plain words with single spaces
        if at >= 0:
            named.append((at, -len(category), category))
    return min(named)[2] if named else prompt


def _no_article(text: str) -> str:
    return re.sub(r"^(a|an|the) (?=\w)", "", text)
