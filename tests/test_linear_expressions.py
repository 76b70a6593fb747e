"""No regular expression takes more than linear time, whatever it is given; nor does reading an answer.

Each expression of the package is attacked by strings that are made from its own structure: what leads up to a repetition, the repeated
characters many times, and an end that fits nothing. A quadratic expression takes seconds where a linear one takes milliseconds.
"""

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import time
from re import _constants as sre
from re import _parser as sre_parse

import instdiff.instdiff_modules
import pytest
from instdiff.instdiff_modules.importers.prompt_control import is_prompt_control, read_prompt_control
from instdiff.instdiff_modules.language.answer import MAX_TEXT, read_answer
from instdiff.instdiff_modules.layout.point_text import parse_points, split_lists
from support.pack import ROOT

SIZES = (
    18,
    22,
    28,
    34,
    40,
    46,
    52,
    60,
    300,
    1500,
    12_000,
)  # small ones first: an exponential expression never comes back from a large one
SECONDS = 0.05  # a linear expression needs a tenth of it at most, a quadratic one three times as much
FUNCTIONS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")


def written_expressions():
    """(pattern, flags, whether it is tried at one position only) of every literal in a call of `re`, with where it stands."""
    found = {}
    for path in sorted(
        [*(ROOT / "instdiff_modules").rglob("*.py"), *(ROOT / "nodes").glob("*.py"), ROOT / "quickstart.py"]
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in (FUNCTIONS if "instdiff_modules" in path.parts else (*FUNCTIONS, "compile"))
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                flags = 0
                for name in ast.walk(node):
                    if isinstance(name, ast.Attribute) and name.attr in ("I", "M", "S", "X"):
                        flags |= getattr(re, name.attr)
                anchored = node.func.attr in ("match", "fullmatch")
                found[node.args[0].value, flags, anchored] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def kept_expressions():
    """Those that modules keep, also the ones that are put together from pieces; tables of patterns as well."""
    found = {}
    for module in pkgutil.walk_packages(instdiff.instdiff_modules.__path__, "instdiff.instdiff_modules."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        source = inspect.getsource(loaded)
        for name, value in vars(loaded).items():
            used = set(re.findall(rf"\b{name}\.(\w+)\(", source))
            for pattern in patterns_in(value, name):
                found[(*pattern, bool(used) and used <= {"match", "fullmatch"})] = f"{module.name[9:]}.{name}"
    return found


def patterns_in(value, name, depth=0):
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value.pattern, value.flags & (re.I | re.M | re.S | re.X)
    elif isinstance(value, (tuple, list)) and depth < 3 and name.startswith("_"):
        for inner in value:
            yield from patterns_in(inner, name, depth + 1)
    elif isinstance(value, str) and depth and re.search(r"\\[bwd.]|\(\?|\[[^\]]+\][*+?]", value):
        yield value, 0  # a table of patterns that are used where they stand


def some_of(items):
    """Characters that a set takes: one of each kind in it."""
    if items and items[0][0] is sre.NEGATE:
        return [next(c for c in " xx1-:{" if not takes(items[1:], ord(c)))]
    found = []
    for op, value in items:
        if op is sre.LITERAL:
            found.append(chr(value))
        elif op is sre.RANGE:
            found.append(chr(value[0]))
        elif op is sre.CATEGORY:
            found += {"SPACE": " \n", "DIGIT": "1", "WORD": "a"}.get(str(value).rpartition("_")[2], "%")
    return list(dict.fromkeys(found))[:3] or ["x"]


def takes(items, code):
    return any(
        (op is sre.LITERAL and value == code)
        or (op is sre.RANGE and value[0] <= code <= value[1])
        or (
            op is sre.CATEGORY
            and re.match(
                {"SPACE": r"\s", "DIGIT": r"\d", "WORD": r"\w"}.get(str(value).rpartition("_")[2], r"\W"), chr(code)
            )
        )
        for op, value in items
    )


def sample(tree, optional=True):
    """A short text that a piece of an expression takes, with or without what may be there once."""
    out = []
    for op, value in tree:
        if op is sre.LITERAL:
            out.append(chr(value))
        elif op is sre.NOT_LITERAL:
            out.append("x" if value != ord("x") else "y")
        elif op is sre.ANY:
            out.append("x")
        elif op is sre.IN:
            out.append(some_of(value)[0])
        elif op is sre.BRANCH:
            out.append(sample(value[1][0], optional))
        elif op is sre.SUBPATTERN:
            out.append(sample(value[3], optional))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and (optional or value[1] > 1):
            out.append(sample(value[2], optional) * max(value[0], 1))
    return "".join(out)


def pumps(tree, before=""):
    """(what leads up to a repetition, what it repeats) for every repetition, those within others too."""
    for op, value in tree:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            inner = value[2]
            one = len(inner) == 1 and inner[0][0] is sre.IN
            yield from (
                (before, pumped) for pumped in (some_of(inner[0][1]) if one else [sample(inner), sample(inner, False)])
            )
            yield from pumps(value[2], before)
        elif op is sre.BRANCH:
            for branch in value[1]:
                yield from pumps(branch, before)
        elif op is sre.SUBPATTERN:
            yield from pumps(value[3], before)
        before += sample([(op, value)])


def attacks(pattern, flags):
    """Texts as functions of their length."""
    tree = sre_parse.parse(pattern, flags)
    pairs = {(before, pumped) for before, pumped in pumps(tree) if pumped}
    whole = sample(tree)
    pieces = {pumped for _, pumped in pairs} | {before for before, _ in pairs if before} | {whole or "x"}
    for before, pumped in sorted(pairs):
        yield lambda n, b=before, p=pumped: b + p * (n // len(p) + 1) + "\x00"
        yield lambda n, b=before, p=pumped: (b + p * 50) * (n // len(b + p * 50) + 1) + "\x00"
    for piece in sorted(pieces):
        yield lambda n, p=piece: p * (n // len(p) + 1) + "\n\x00"
    for first, second in itertools.islice(itertools.permutations(sorted(pieces), 2), 3):
        yield lambda n, a=first, b=second: a * (n // (2 * len(a)) + 1) + b * (n // (2 * len(b)) + 1) + "\x00"


def slow(pattern, flags, anchored=False):
    """The beginning of a text on which an expression takes too long, or None."""
    expression = re.compile(pattern, flags)
    for text_of, size in itertools.product(attacks(pattern, flags), SIZES):
        text = text_of(size)
        if seconds(expression, text, anchored) > SECONDS and seconds(expression, text, anchored) > SECONDS:
            return f"{size} characters beginning with {text[:40]!r}"
    return None


def seconds(expression, text, anchored):
    start = time.process_time()
    if anchored:
        expression.match(text)
    else:
        for _ in expression.finditer(text):
            pass
    expression.fullmatch(text)
    return time.process_time() - start


def test_the_attack_finds_what_is_slow():
    for bad in (
        r"^[\s*#]*prompt",
        r"-?\d*\.?\d+\s*$",
        r"\s*:\s*$",
        r"1(?:\s{0,4}\]?\s{0,4},\s{0,4}\[?\s{0,4}1){3,39}\]",
    ):
        assert slow(bad, re.M), bad
    assert slow(r"(\d{1,9})(?:\.\d{1,9})?px", 0) is None


def test_every_expression_of_the_package_is_linear():
    every = written_expressions() | kept_expressions()
    assert len(every) > 60
    found = {where: said for expression, where in every.items() if (said := slow(*expression))}
    assert not found, "\n".join(f"{where}: {said}" for where, said in found.items())


def layout(objects):
    return '{"units": "0..1", "order": "xyxy", "objects": [' + objects + "]}"


ITEM = '{"name": "a", "box": [0, 0, 1, 1]}'
# Texts of n characters that cost much more than their length with one slip in the reader.
ANSWERS = {
    "line breaks": lambda n: "a" + "\n" * n + "b",
    "short lines": lambda n: "x\n" * (n // 2),
    "dashes": lambda n: ("-" * 436 + "\n") * (n // 437),
    "spaces": lambda n: (" " * 300 + "\n") * (n // 301),
    "names that never end": lambda n: (" " * 299 + ":\n") * (n // 301),
    "fences with spaces": lambda n: ("```" + " " * 300 + "\n") * (n // 304),
    "fences behind spaces": lambda n: (" " * 39 + "``") * (n // 41),
    "stars behind a caption": lambda n: "prompt" + "*" * n,
    "bare words": lambda n: "[" + "true " * (n // 5),
    "calls": lambda n: "[a(" * (n // 3),
    "open brackets": lambda n: ("[" * 30 + "1," * 300 + "x(") * (n // 632),
    "references": lambda n: "<ref>a</ref><box>" * (n // 17),
    "location tokens": lambda n: ("x" * 190 + "<loc_1>") * (n // 197),
    "points": lambda n: "<points " * (n // 8),
    "patches": lambda n: "<phrase>a</phrase><object>" + "<patch_index_0001>" * (n // 18),
    "CSS": lambda n: "a{left:1px;" * (n // 11),
    "Omost": lambda n: "add_local_description(location='x'," * (n // 35),
    "boxes in prose": lambda n: "a [1,2,3,4] " * (n // 12),
    "lists in prose": lambda n: "[[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1," * (n // 32),
    "empty objects": lambda n: layout("{}," * (n // 3)),
    "fields": lambda n: layout(
        '{"name": "a", ' + ", ".join(f'"k{i}": [{{"name": "b"}}]' for i in range(n // 28)) + "}"
    ),
    "texts within": lambda n: '[{"text": "' + "[1 1 1 1 1 " * (n // 11) + '"}]',
    "parts": lambda n: layout('{"name": "a", "box": [0, 0, 1, 1], "parts": [' + (ITEM + ",") * (n // 35) + "]}"),
    "one id": lambda n: layout('{"id": "a", "name": "a", "box": [0, 0, 1, 1]},' * min(n // 45, 999)),
    "quotes": lambda n: '["' + '" ' * (n // 2),
}
OTHERS = {
    "weight": (read_prompt_control, lambda n: "MASK(0 1) a :" + "1" * n),
    "weights": (read_prompt_control, lambda n: "MASK(0 1) a " + ":1" * (n // 2)),
    "schedules": (read_prompt_control, lambda n: "MASK(0 1) " + "[a:" * (n // 6) + "]" * (n // 6)),
    "LoRAs": (read_prompt_control, lambda n: "MASK(0 1) " + "<lora:" * (n // 6)),
    "masks": (read_prompt_control, lambda n: "MASK(" * (n // 5)),
    "a mask far away": (is_prompt_control, lambda n: "MASK" + " " * n),
    "points": (parse_points, lambda n: "[" + "[0, 0], " * (n // 8) + "]"),
    "nested points": (parse_points, lambda n: "[" * n),
    "digits of a point": (parse_points, lambda n: "1" * n + ", 2"),
    "lists of points": (split_lists, lambda n: "[[" + "[0, 0], " * (n // 8) + "]]"),
}


def answered(read, text):
    """Seconds until a text is read, or refused with a sentence."""
    start = time.process_time()
    try:
        read(text)
    except ValueError as problem:
        assert type(problem) is ValueError and "\n" not in str(problem) and len(str(problem)) < 300
    return time.process_time() - start


@pytest.mark.parametrize(
    "read, text_of",
    [pytest.param(read_answer, text_of, id=name) for name, text_of in ANSWERS.items()]
    + [pytest.param(read, text_of, id=f"{read.__name__}: {name}") for name, (read, text_of) in OTHERS.items()],
)
def test_twice_the_text_takes_no_more_than_three_times_as_long(read, text_of):
    small, large = MAX_TEXT // 16, MAX_TEXT // 8
    once, twice = (min(answered(read, text_of(size - 100)) for _ in range(3)) for size in (small, large))
    assert twice < 3 * once + 0.02


@pytest.mark.parametrize("name", ["line breaks", "open brackets", "fields"])
def test_the_longest_answer_is_read_at_once(name):
    assert answered(read_answer, ANSWERS[name](MAX_TEXT - 100)) < 5
