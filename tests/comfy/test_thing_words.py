"""The words of the world of things fit the demo model's text encoder, whose rows are the stock tokenizer's numbers."""

from comfy.sd1_clip import SDTokenizer
from support.shapeworld.captions import WORDS as SHAPE_WORDS
from support.thingworld.words import OTHER_WORDS, WORDS


def test_every_word_is_one_token_of_its_own_and_a_byte_counts_them() -> None:
    tokenizer = SDTokenizer(embedding_directory=None)
    numbers = {}
    for word in (*WORDS, *OTHER_WORDS):
        start, *inside, _ = [token for token, _ in tokenizer.tokenize_with_weights(word)[0]][: 2 + len(word)]
        found = [token for token in inside if token != 49407]
        assert start == 49406 and len(found) == 1, word
        numbers[word] = found[0]
    assert len(set(numbers.values())) == len(numbers) and 3 + 2 * len(SHAPE_WORDS) + len(WORDS) <= 256
