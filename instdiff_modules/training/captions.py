"""The caption of a data item, made as the authors make it."""

from collections import Counter
from collections.abc import Sequence

# The English stop words of NLTK, which the authors remove from captions to which instance captions were added.
_STEMS = (
    "don should ain aren couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn"
)
_PLAIN = (
    "i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his himself "
    "she she's her hers herself it it's its itself they them their theirs themselves what which who whom this that that'll "
    "these those am is are was were be been being have has had having do does did doing a an the and but if or because as "
    "until while of at by for with about against between into through during before after above below to from up down in "
    "out on off over under again further then once here there when where why how all any both each few more most other "
    "some such no nor not only own same so than too very s t can will just now d ll m o re ve y should've"
)
_NEGATED = [f"{stem}'t" for stem in _STEMS.split() if stem not in ("ain", "ma", "should")]
STOP_WORDS = frozenset([*_PLAIN.split(), *_STEMS.split(), *_NEGATED])


def named_caption(names: Sequence[str], counted: bool, caption: str | None) -> str:
    """A caption for a picture of which only its things are known: "2 dog, 1 cat" or "dog, dog, cat", then the caption."""
    listed = [f"{number} {name}" for name, number in Counter(names).items()] if counted else list(names)
    text = ", ".join(listed)
    return text if caption is None else f"{text}. {caption}"


def with_instances(caption: str, instance_captions: Sequence[str]) -> str:
    """The captions of the instances behind that of the picture, stop words removed after each."""
    for text in filter(None, instance_captions):
        caption = " ".join(word for word in f"{caption}. {text}".split() if word.lower() not in STOP_WORDS)
    return caption
