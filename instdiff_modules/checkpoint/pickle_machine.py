"""A pickle's opcodes, carried out on plain values alone: nothing is imported, called or built that the pickle names.

Numbers, texts, lists and dictionaries become what they are. Whatever else a pickle asks for goes to a `Builder`, which knows
torch's tensors by their names. Opcodes, bytes and levels are limited, so that every file is answered soon.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol

MAX_OPCODES = 500_000  # torch.save writes 40 for a tensor; the authors' file has 5,000
MAX_DIGITS = 400
_KEY_RANGE = 2**32  # larger whole numbers could be chosen so that a dictionary of them never fills


class Damage(ValueError):
    """Why a pickle cannot be read, in a few words."""


class Named:
    """A class or function that a pickle names: "torch._utils._rebuild_tensor_v2"."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Opaque(Named):
    """Stands for an object of a class that we have no use for: its name is all that is kept."""

    __slots__ = ()


class Builder(Protocol):
    """What the objects of a pickle become."""

    def stored(self, reference: Any) -> Any:
        """What a persistent reference, torch's word for a storage, stands for."""

    def made(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """What calling the class or function of that name gives."""


class PickleMachine:
    """Reads one pickle after the other of `data`. names: of all classes and functions that they hold."""

    def __init__(self, data: bytes, builder: Builder) -> None:
        self.data, self.builder, self.at, self.left = data, builder, 0, MAX_OPCODES
        self.names: dict[str, Named] = {}
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}

    def read(self) -> Any:
        """The value of the pickle that begins here. Damage if there is none, or it breaks a limit."""
        self.stack, self.outer, self.memo = [], [], {}
        data, codes = self.data, _CODES
        try:
            while (code := data[self.at]) != _STOP:
                self.at += 1
                self.left -= 1
                if self.left < 0:
                    raise Damage(f"its pickle has more than {MAX_OPCODES:,} steps")
                codes[code](self)
            self.at += 1
            return self.stack.pop()
        except (IndexError, KeyError, struct.error) as error:
            raise Damage("its pickle is damaged or ends in the middle") from error

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if count < 0 or len(part) < count:
            raise Damage("its pickle ends in the middle")
        self.at += count
        return part

    def number(self, form: str, size: int) -> Any:
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += size
        return value

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise Damage("its pickle ends in the middle")
        part = self.data[self.at : end]
        self.at = end + 1
        return part.decode("utf-8", "backslashreplace")

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def named(self, name: str) -> Named:
        return self.names.setdefault(name, Named(name))

    def call(self, function: Any, arguments: Any) -> Any:
        if isinstance(function, Named) and not isinstance(function, Opaque) and isinstance(arguments, tuple):
            return self.builder.made(function.name, arguments)
        return Opaque("object")


def _text(machine: PickleMachine, form: str, size: int) -> str:
    return machine.take(machine.number(form, size)).decode("utf-8", "backslashreplace")


def _set(target: Any, items: list[Any]) -> None:
    if len(items) % 2:
        raise Damage("its pickle is damaged")
    if isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            # other keys no weights file needs, and the hash of some takes for ever
            if type(key) is str or (type(key) is int and -_KEY_RANGE < key < _KEY_RANGE):
                target[key] = value


def _add(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)


def _long(machine: PickleMachine, count: int) -> int | Opaque:
    digits = machine.take(count)
    return int.from_bytes(digits, "little", signed=True) if count <= MAX_DIGITS else Opaque("int")


def _whole(text: str) -> Any:
    text = text.strip().rstrip("L")
    if text in ("00", "01"):  # protocol 0's False and True
        return text == "01"
    if not text.removeprefix("-").isdecimal() or len(text) > MAX_DIGITS:
        raise Damage("its pickle holds a number that cannot be read")
    return int(text)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Damage("its pickle holds a number that cannot be read") from error


def _instance(m: PickleMachine) -> None:
    function = m.named(f"{m.line()}.{m.line()}")
    m.stack.append(m.call(function, tuple(m.since_mark())))


def _object(m: PickleMachine) -> None:
    items = m.since_mark()
    m.stack.append(m.call(items[0], tuple(items[1:])))


def _new_with_keywords(m: PickleMachine) -> None:
    del m.stack[-2:]
    function = m.stack.pop()
    m.stack.append(Opaque(function.name if isinstance(function, Named) else "object"))


def _reduce(m: PickleMachine) -> None:
    arguments = m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], arguments)


def _stack_global(m: PickleMachine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Damage("its pickle is damaged")
    m.stack.append(m.named(f"{module}.{name}"))


def _mark(m: PickleMachine) -> None:
    m.outer.append(m.stack)
    m.stack = []


def _pop(m: PickleMachine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _put(m: PickleMachine, index: int) -> None:
    m.memo[index] = m.stack[-1]


def _pair(m: PickleMachine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _set(m.stack[-1], [key, value])


def _tuple_of(count: int) -> Callable[[PickleMachine], None]:
    def make(m: PickleMachine) -> None:
        last = m.stack.pop()
        items = (*(m.stack[at] for at in range(1 - count, 0)), last) if count > 1 else (last,)
        if count > 1:
            del m.stack[1 - count :]
        m.stack.append(items)

    return make


def _of_items(make: Callable[[list[Any]], Any]) -> Callable[[PickleMachine], None]:
    def build(m: PickleMachine) -> None:
        items = m.since_mark()
        m.stack.append(make(items))

    return build


def _filled(items: list[Any]) -> dict[Any, Any]:
    target: dict[Any, Any] = {}
    _set(target, items)
    return target


def _into(fill: Callable[[Any, list[Any]], None]) -> Callable[[PickleMachine], None]:
    def take(m: PickleMachine) -> None:
        items = m.since_mark()
        fill(m.stack[-1], items)

    return take


def _push(value: Callable[[PickleMachine], Any]) -> Callable[[PickleMachine], None]:
    return lambda m: m.stack.append(value(m))


def _refused(_: PickleMachine) -> None:
    raise Damage("its pickle uses a step that torch.save does not write")


_STOP = ord(".")
_TABLE: dict[bytes, Callable[[PickleMachine], Any]] = {
    b"\x80": lambda m: m.take(1),  # protocol
    b"\x95": lambda m: m.take(8),  # length of a frame
    b"(": _mark, b"0": _pop, b"1": lambda m: m.since_mark() and None, b"2": _push(lambda m: m.stack[-1]),
    b"N": _push(lambda _: None), b"\x88": _push(lambda _: True), b"\x89": _push(lambda _: False),
    b"I": _push(lambda m: _whole(m.line())), b"L": _push(lambda m: _whole(m.line())), b"F": _push(lambda m: _float(m.line())),
    b"J": _push(lambda m: m.number("<i", 4)), b"K": _push(lambda m: m.number("<B", 1)), b"M": _push(lambda m: m.number("<H", 2)),
    b"\x8a": _push(lambda m: _long(m, m.number("<B", 1))), b"\x8b": _push(lambda m: _long(m, m.number("<i", 4))),
    b"G": _push(lambda m: m.number(">d", 8)),
    b"S": _push(lambda m: m.line()[1:-1]), b"V": _push(lambda m: m.line()),
    b"T": _push(lambda m: _text(m, "<i", 4)), b"U": _push(lambda m: _text(m, "<B", 1)),
    b"X": _push(lambda m: _text(m, "<I", 4)), b"\x8c": _push(lambda m: _text(m, "<B", 1)), b"\x8d": _push(lambda m: _text(m, "<Q", 8)),
    b"B": _push(lambda m: m.take(m.number("<I", 4))), b"C": _push(lambda m: m.take(m.number("<B", 1))),
    b"\x8e": _push(lambda m: m.take(m.number("<Q", 8))), b"\x96": _push(lambda m: m.take(m.number("<Q", 8))),
    b"]": _push(lambda _: []), b"}": _push(lambda _: {}), b")": _push(lambda _: ()), b"\x8f": _push(lambda _: []),
    b"l": _of_items(lambda items: items), b"d": _of_items(_filled), b"t": _of_items(tuple), b"\x91": _of_items(lambda items: items),
    b"\x85": _tuple_of(1), b"\x86": _tuple_of(2), b"\x87": _tuple_of(3),
    b"a": lambda m: (item := m.stack.pop(), _add(m.stack[-1], [item])), b"e": _into(_add), b"\x90": _into(_add),
    b"s": _pair, b"u": _into(_set),
    b"p": lambda m: _put(m, _whole(m.line())), b"q": lambda m: _put(m, m.number("<B", 1)), b"r": lambda m: _put(m, m.number("<I", 4)),
    b"\x94": lambda m: _put(m, len(m.memo)),
    b"g": _push(lambda m: m.memo[_whole(m.line())]), b"h": _push(lambda m: m.memo[m.number("<B", 1)]),
    b"j": _push(lambda m: m.memo[m.number("<I", 4)]),
    b"c": _push(lambda m: m.named(f"{m.line()}.{m.line()}")), b"\x93": _stack_global,
    b"i": _instance, b"o": _object, b"R": _reduce, b"\x81": _reduce, b"\x92": _new_with_keywords,
    b"b": lambda m: m.stack.pop(),  # the state of an object: none of ours has one
    b"Q": _push(lambda m: m.builder.stored(m.stack.pop())), b"P": _push(lambda m: m.builder.stored(m.line())),
}  # fmt: skip
_CODES = [_TABLE.get(bytes([code]), _refused) for code in range(256)]
