"""How tall common things are, and which of them a prompt speaks of."""

import re
from typing import NamedTuple


class Size(NamedTuple):
    """low, high: usual height in metres, as it stands. ground: whether it usually stands on the ground rather than on a thing or in the air."""

    name: str
    low: float
    high: float
    ground: bool = True


# height in metres: what is usual, not what is possible
_GROUND = """
person 1.5 1.95, man 1.6 1.95, woman 1.5 1.85, boy 1.0 1.7, girl 1.0 1.65, child 0.9 1.5, kid 0.9 1.5, toddler 0.7 1.0, soldier 1.6 1.95
knight 1.6 2.0, farmer 1.5 1.95, worker 1.5 1.95, chef 1.5 1.95, astronaut 1.6 2.1, dancer 1.5 1.95, skier 1.4 1.95, policeman 1.6 1.95, king 1.6 1.95
queen 1.5 1.85, cat 0.23 0.35, kitten 0.1 0.22, dog 0.3 0.85, puppy 0.15 0.4, fox 0.35 0.5, wolf 0.65 0.9, rabbit 0.2 0.4, hedgehog 0.12 0.2
squirrel 0.15 0.3, mouse 0.03 0.1, horse 1.6 2.3, pony 1.1 1.5, donkey 1.0 1.6, cow 1.3 1.7, bull 1.4 1.9, calf 0.7 1.1, sheep 0.8 1.2, lamb 0.4 0.6
goat 0.6 1.1, pig 0.6 1.0, deer 0.9 2.0, bear 0.9 2.2, lion 0.9 1.3, lioness 0.85 1.15, tiger 0.8 1.2, leopard 0.55 0.85, cheetah 0.7 0.95
elephant 2.3 3.8, giraffe 4.0 5.8, zebra 1.2 1.7, camel 1.8 2.3, llama 1.5 1.9, kangaroo 1.0 1.9, rhino 1.4 1.9, hippo 1.3 1.7, panda 0.7 1.8
monkey 0.4 1.0, gorilla 1.2 1.8, penguin 0.4 1.1, ostrich 1.8 2.8, chicken 0.35 0.6, rooster 0.45 0.7, duck 0.3 0.5, goose 0.6 1.0, turkey 0.8 1.2
swan 0.8 1.4, turtle 0.1 0.4, car 1.35 1.8, taxi 1.4 1.8, suv 1.6 2.0, van 1.8 2.8, truck 2.2 4.2, pickup 1.7 2.0, bus 2.8 4.4, tram 3.2 3.9
train 3.5 4.6, tractor 2.3 3.5, forklift 2.0 2.6, ambulance 2.3 2.9, motorcycle 1.0 1.4, motorbike 1.0 1.4, scooter 0.9 1.3, bicycle 0.95 1.2
bike 0.95 1.2, wheelchair 0.85 1.1, stroller 0.9 1.15, cart 0.8 1.6, house 4.5 11, cottage 3.5 7, cabin 3 6, barn 5 13, church 10 45, castle 12 50
tower 15 90, lighthouse 12 45, windmill 10 30, skyscraper 90 400, tent 1.1 2.8, shed 2 3.2, tree 3 22, oak 6 22, pine 5 25, palm 5 18, bush 0.5 2
shrub 0.5 2, cactus 0.5 6, snowman 0.9 2, bench 0.7 1.0, chair 0.75 1.15, armchair 0.8 1.1, sofa 0.7 1.0, couch 0.7 1.0, stool 0.4 0.8, table 0.65 0.8
desk 0.7 0.8, bed 0.45 1.3, wardrobe 1.7 2.4, bookshelf 1.2 2.4, bookcase 1.2 2.4, cupboard 1.0 2.2, refrigerator 1.3 2.0, fridge 1.3 2.0
oven 0.8 0.95, piano 1.0 1.6, fireplace 1.0 1.5, door 1.95 2.3, streetlight 4 10, lamppost 3 6, mailbox 1.0 1.4, hydrant 0.6 1.0, suitcase 0.5 0.8
barrel 0.8 1.0, statue 1 5, fountain 1 5
"""
_ELSEWHERE = """
cup 0.07 0.12, mug 0.08 0.12, glass 0.08 0.2, bottle 0.2 0.35, teapot 0.12 0.22, bowl 0.05 0.12, plate 0.02 0.28, vase 0.15 0.5, candle 0.08 0.3
laptop 0.18 0.3, book 0.02 0.3, apple 0.06 0.09, orange 0.06 0.09, banana 0.03 0.2, lemon 0.05 0.08, cake 0.08 0.3, burger 0.07 0.14, pizza 0.02 0.4
pumpkin 0.2 0.5, phone 0.1 0.17, teddy 0.2 0.6, ball 0.07 0.3, football 0.2 0.24, basketball 0.22 0.26, hat 0.08 0.25, monitor 0.3 0.6
television 0.5 1.0, backpack 0.4 0.6, sandwich 0.05 0.12
"""
_BEFORE_HEAD = re.compile(
    r"[,;:()]|\b(?:on|in|at|with|without|under|near|of|behind|beside|by|next|against|over|above|below|inside|from|for|and|or|to|that|which|who|while|as|like|"
    r"lying|\w{3,}ing)\b"
)
_OPENING = re.compile(
    r"^\W*(?:(?:an?|the|one|his|her|sitting|standing|running|lying|sleeping|smiling|flying|jumping|walking)\s+)+"
)
_LIKENESS = re.compile(r"\b(?:toy|miniature|tiny|giant|gigantic|huge|enormous|mini|model|plush|stuffed|figurine|painting|picture|photo|poster|drawing|portrait|"
                       r"reflection|shadow|logo|sign|head|face|close-?up|half|group|herd|crowd|row|pair|pile|flock)\b")  # fmt: skip
_POSES = ((r"\b(?:lying|sleeping|asleep|reclining)\b", 0.3, 1.0), (r"\b(?:sitting|seated|crouching|kneeling|crawling|riding|swimming|driving)\b", 0.5, 1.0),
          (r"\b(?:small|little|baby|young|short)\b", 0.45, 1.0), (r"\b(?:big|large|tall|old)\b", 1.0, 1.5),
          (r"\b(?:jumping|rearing|flying)\b", 0.8, 1.4))  # fmt: skip


def _table() -> dict[str, Size]:
    sizes = {}
    for text, ground in ((_GROUND, True), (_ELSEWHERE, False)):
        for entry in re.split(r"[,\n]+", text.strip()):
            name, low, high = entry.split()
            sizes[name] = Size(name, float(low), float(high), ground)
    return sizes


SIZES = _table()


def size_of(prompt: str) -> Size | None:
    """The size of what a prompt names, None if the table does not tell.

    The last word of the table before the first preposition counts: "a red fire truck with a ladder" is a truck, "a cat on a sofa" a
    cat. Toys, pictures, groups and plurals have no size of their own. Postures and words such as small widen the range.
    """
    text = prompt.lower()
    head = _BEFORE_HEAD.split(_OPENING.sub("", text), maxsplit=1)[0]
    words = re.findall(r"[a-z]+", head)
    if not words or words[-1] not in SIZES or _LIKENESS.search(head):
        return None
    size = SIZES[words[-1]]
    for pattern, low, high in _POSES:
        if re.search(pattern, text):
            size = size._replace(low=size.low * low, high=size.high * high)
    return size
