"""What exists in the world of things: the things, the picture of each in the emoji set, their colours and which way they look."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A thing. picture: its name in the set; faces: the way it looks there, "" if both ways are alike; hue: that of its
    coat in degrees if it comes in several colours; other: words that mean the same."""

    word: str
    picture: str
    faces: str = ""
    hue: int | None = None
    other: tuple[str, ...] = ()


LEFT, RIGHT = "left", "right"
KINDS = (
    Kind("cat", "cat", LEFT, other=("kitten", "cats")),
    Kind("dog", "dog", LEFT, other=("puppy", "dogs")),
    Kind("rabbit", "rabbit", LEFT, other=("bunny", "rabbits")),
    Kind("bird", "bird", LEFT, 341, ("robin", "birds")),
    Kind("owl", "owl", other=("owls",)),
    Kind("penguin", "penguin", other=("penguins",)),
    Kind("duck", "duck", LEFT, other=("ducks",)),
    Kind("flamingo", "flamingo", LEFT),
    Kind("fish", "fish", LEFT, 199),
    Kind("turtle", "turtle", RIGHT, other=("turtles",)),
    Kind("frog", "frog", other=("frogs",)),
    Kind("snail", "snail", LEFT),
    Kind("butterfly", "butterfly", other=("butterflies",)),
    Kind("crab", "crab", other=("crabs",)),
    Kind("elephant", "elephant", LEFT, other=("elephants",)),
    Kind("lion", "lion", other=("lions",)),
    Kind("giraffe", "giraffe", LEFT),
    Kind("horse", "horse", LEFT, other=("horses", "pony")),
    Kind("cow", "cow", LEFT, other=("cows",)),
    Kind("sheep", "ewe", LEFT, other=("lamb",)),
    Kind("car", "automobile", LEFT, 0, ("automobile", "cars")),
    Kind("bus", "bus", LEFT, other=("buses",)),
    Kind("tractor", "tractor", LEFT, other=("tractors",)),
    Kind("bicycle", "bicycle", RIGHT, other=("bike", "bikes")),
    Kind("rocket", "rocket", RIGHT, other=("rockets",)),
    Kind("boat", "sailboat", other=("boats",)),
    Kind("train", "locomotive", LEFT, other=("locomotive", "trains")),
    Kind("apple", "red-apple", "", 0, ("apples",)),
    Kind("banana", "banana", other=("bananas",)),
    Kind("strawberry", "strawberry", other=("strawberries",)),
    Kind("carrot", "carrot", other=("carrots",)),
    Kind("mushroom", "mushroom", other=("mushrooms",)),
    Kind("hamburger", "hamburger", other=("burger", "burgers")),
    Kind("cake", "birthday-cake", other=("cakes",)),
    Kind("tree", "deciduous-tree", other=("trees",)),
    Kind("cactus", "cactus"),
    Kind("sunflower", "sunflower", other=("sunflowers",)),
    Kind("tulip", "tulip", "", 318, ("tulips",)),
    Kind("house", "house", other=("houses", "home")),
    Kind("football", "soccer-ball", other=("ball", "soccer")),
    Kind("balloon", "balloon", "", 0, ("balloons",)),
    Kind("umbrella", "umbrella", "", 270, ("umbrellas",)),
    Kind("book", "blue-book", "", 200, ("books",)),
    Kind("chair", "chair", other=("chairs",)),
    Kind("teapot", "teapot", LEFT, 0),
    Kind("guitar", "guitar", other=("guitars",)),
    Kind("clock", "alarm-clock", other=("clocks",)),
    Kind("hat", "top-hat", other=("hats",)),
    Kind("snowman", "snowman-without-snow"),
    Kind("robot", "robot", other=("robots",)),
)
KIND: Mapping[str, Kind] = {kind.word: kind for kind in KINDS}
COATS = ("red", "yellow", "green", "blue", "pink", "purple")
LANDSCAPES: Mapping[str, str] = {  # and how a caption says where its things are
    "meadow": "in the meadow",
    "beach": "on the beach",
    "desert": "in the desert",
    "snow": "in the snow",
    "night": "at night",
    "sea": "at sea",
}


def phrase(word: str, color: str = "", facing: str = "") -> str:
    """The instance caption: "a cat", "a red car", "an owl", "a blue bird facing left"."""
    name = f"{color} {word}" if color else word
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name} facing {facing}" if facing else f"{article} {name}"


def phrases() -> list[str]:
    """Every instance caption there is, in a fixed order."""
    return [
        phrase(kind.word, color, facing)
        for kind in KINDS
        for color in ("", *COATS)[: 1 if kind.hue is None else None]
        for facing in ("", LEFT, RIGHT)[: 3 if kind.faces else 1]
    ]


# In the order of the demo model's embedding, behind the words of the shape world: new words go to the end.
WORDS = ("an", "at", "facing", "of", "above", "below", *LANDSCAPES, *(kind.word for kind in KINDS))
OTHER_WORDS: Mapping[str, str] = {
    other: kind.word for kind in KINDS for other in kind.other
}  # share a word's embedding
