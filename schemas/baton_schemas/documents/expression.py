"""A condition as an expression of the Common Expression Language (CEL): what it may name, and what it may cost.

CEL is the way out for the rare condition that no operator says. So that it stays as safe and as clear as the operators,
it names every field that it looks at (`traits.employees`, `event.properties.seats`): whom it judges by can be read from
the text, and it sees nothing else. No function knows the time of day, and no macro stands within another: eight of them
in one another, 250 characters, keep a processor busy for a minute and a half. For the same reason nothing makes
lists of lists (`map`); to count, take the `size` of a `filter`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LONGEST = 1000
MOST_REPEATS = 50
"""What the counts of a pattern's repeats (`{2,5}`) give, multiplied: two that make 100,000 keep a processor busy for
minutes, for one text."""
MOST_IN_A_DEFINITION = 5
MACROS = ("all", "exists", "exists_one", "filter")
FUNCTIONS = (
    "has", "size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string", "timestamp", "duration",
    *MACROS,
)  # fmt: skip
EVENT_FIELDS = ("action", "url", "user_agent", "campaign.name", "campaign.source", "campaign.medium",
                "campaign.content", "campaign.term")  # fmt: skip
_KEYWORDS = ("true", "false", "null", "in")
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[bBrR]{0,2}
          (?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>0x[0-9a-fA-F]+u?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"""(["'])([^"'\\]+)\1""")


class Path(NamedTuple):
    """A field that an expression names: `traits` or `event`, and the name below it (`properties.seats`, `url`)."""

    root: str
    name: str


class _Token(NamedTuple):
    kind: str
    text: str


@lru_cache(maxsize=256)
def paths(expression: str) -> tuple[Path, ...]:
    """The fields that an expression names, each once, found outside of texts and comments.

    Raises ValueError with what is wrong and the fix, also for a name or a function that does not exist.

    >>> paths("traits.employees > 50 && traits.note != 'traits.age'")
    (Path(root='traits', name='employees'), Path(root='traits', name='note'))
    """
    tokens = [_Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expression)]
    tokens = [token for token in tokens if token.kind != "space"]
    _no_macro_in_another(tokens)
    _bounded_patterns(tokens)
    found = dict.fromkeys(_paths(tokens))
    if not found:
        raise ValueError("names no field - look at `traits.<name>` or `event.properties.<name>`")
    return tuple(found)


def equalities(expression: str) -> Iterator[tuple[Path, str | float | bool]]:
    """Fields that are compared by `==`, `!=` or `in [...]` with values that are written out, and each such value.

    >>> list(equalities("traits.country in ['DE', 'AT'] && 5 != event.properties.seats"))
    [(Path(root='traits', name='country'), 'DE'), (Path(root='traits', name='country'), 'AT'), \
(Path(root='event', name='properties.seats'), 5)]
    """
    tokens = [_Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expression)]
    tokens = [token for token in tokens if token.kind != "space"]
    for place, token in enumerate(tokens):
        if token.kind != "name" or token.text not in ("traits", "event") or _text(tokens, place - 1) == ".":
            continue
        name = _members(tokens, place, 1)[0] if token.text == "traits" else _event_field(tokens, place)
        path, after = Path(token.text, name), _after(tokens, place, 1 + name.count("."))
        before = tokens[max(place - 3, 0) : place]
        if _is_equality(before[-2:]) and len(before) == 3 and (value := _literal(before[0])) is not None:
            yield path, value
        if _is_equality(tokens[after : after + 2]) and (value := _literal(tokens[after + 2])) is not None:
            yield path, value
        if tokens[after : after + 2] == [_Token("name", "in"), _Token("sign", "[")]:
            for each in tokens[after + 2 :]:
                if each == _Token("sign", "]"):
                    break
                if (value := _literal(each)) is not None:
                    yield path, value


def _after(tokens: list[_Token], place: int, members: int) -> int:
    """The place behind a chain of so many names."""
    place += 1
    for _ in range(members):
        place += 2 if _text(tokens, place) == "." else 3
    return place


def _is_equality(tokens: list[_Token]) -> bool:
    return "".join(token.text for token in tokens) in ("==", "!=")


def _literal(token: _Token) -> str | float | bool | None:
    """The value that is written out; None for anything else."""
    if token.kind == "text":
        plain = _PLAIN.fullmatch(token.text)
        return plain[2] if plain is not None else token.text
    if token.kind == "number":
        whole = token.text.rstrip("u")
        return int(whole, 0) if "." not in whole and "e" not in whole.lower().removeprefix("0x") else float(whole)
    return {"true": True, "false": False}.get(token.text) if token.kind == "name" else None


def _paths(tokens: list[_Token]) -> Iterator[Path]:
    variables = set(_variables(tokens))
    for place, token in enumerate(tokens):
        if token.kind != "name" or token.text in _KEYWORDS:
            continue
        called = _text(tokens, place + 1) == "("
        if called and token.text not in FUNCTIONS:
            raise ValueError(f"no function `{token.text}`{_near(token.text, FUNCTIONS)} - use one of "
                             f"{', '.join(FUNCTIONS)}")  # fmt: skip
        if called or (_text(tokens, place - 1) == "." and place):
            continue
        if token.text == "traits":
            yield Path("traits", _members(tokens, place, 1)[0])
        elif token.text == "event":
            yield Path("event", _event_field(tokens, place))
        elif token.text not in variables:
            raise ValueError(f"no name `{token.text}`{_near(token.text, ('traits', 'event'))} - write texts in quotes, "
                             "fields as `traits.<name>` or `event.<name>`")  # fmt: skip


def _event_field(tokens: list[_Token], place: int) -> str:
    first = _members(tokens, place, 1)[0]
    name = ".".join(_members(tokens, place, 2)) if first in ("properties", "campaign") else first
    if first != "properties" and name not in EVENT_FIELDS:
        known = (*EVENT_FIELDS, "properties")
        raise ValueError(f"no field `event.{name}`{_near(name, known)} - an event has {', '.join(known)}")
    return name


def _members(tokens: list[_Token], place: int, count: int) -> list[str]:
    """The next names of a chain, `.name` or `["name"]`. What is computed can't be read, so it is refused."""
    names, whole, place = [], tokens[place].text, place + 1
    for _ in range(count):
        after = tokens[place + 1] if place + 1 < len(tokens) else _Token("", "")
        plain = _PLAIN.fullmatch(after.text)
        if _text(tokens, place) == "." and after.kind == "name" and _text(tokens, place + 2) != "(":
            names.append(after.text)
            place += 2
        elif _text(tokens, place) == "[" and plain is not None and _text(tokens, place + 2) == "]":
            names.append(plain[2])
            place += 3
        else:
            raise ValueError(f"`{whole}` as a whole can't be looked at - name a field: `{whole}.<name>`")
        whole += f".{names[-1]}"
    return names


def _variables(tokens: list[_Token]) -> Iterator[str]:
    """What macros call the element that they look at."""
    for place, token in enumerate(tokens[:-2]):
        if token.text in MACROS and token.kind == "name" and tokens[place + 1].text == "(":
            name = tokens[place + 2].text
            if name in ("traits", "event"):
                raise ValueError(f"`{name}` is taken - call the element of the list something else")
            yield name


def _no_macro_in_another(tokens: list[_Token]) -> None:
    """Each level multiplies the work by the length of a list."""
    open_calls: list[bool] = []
    for place, token in enumerate(tokens):
        if token.text in ("(", "[", "{") and token.kind == "sign":
            macro = token.text == "(" and place > 0 and tokens[place - 1] in _MACRO_TOKENS
            if macro and any(open_calls):
                raise ValueError(f"`{tokens[place - 1].text}` stands within another of {', '.join(MACROS)} - "
                                 "join two conditions with `all` instead")  # fmt: skip
            open_calls.append(macro)
        elif token.text in (")", "]", "}") and token.kind == "sign" and open_calls:
            open_calls.pop()


def patterns(expression: str) -> tuple[str, ...]:
    """The texts that `matches` is given, as they are written."""
    tokens = [_Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expression)]
    tokens = [token for token in tokens if token.kind != "space"]
    return tuple(token.text for token in _patterns(tokens))


def _patterns(tokens: list[_Token]) -> Iterator[_Token]:
    for place, token in enumerate(tokens):
        if token == _Token("name", "matches") and _text(tokens, place + 1) == "(":
            said = tokens[place + 2] if place + 2 < len(tokens) else _Token("", "")
            if said.kind != "text" or _text(tokens, place + 3) != ")" or _text(tokens, place - 1) != ".":
                raise ValueError("`matches` takes one pattern, written out - say `<text>.matches('<pattern>')`")
            yield said


def _bounded_patterns(tokens: list[_Token]) -> None:
    """A pattern is read from the text, and what it asks of each character is bounded."""
    for token in _patterns(tokens):
        raw = token.text[0] in "rR" or token.text[1] in "rR"
        if not raw and _CODED.search(token.text):
            raise ValueError("`matches`: a character by its number can't be read - write it as it is")
        plain = re.sub(r"\\[pP]\{\w+\}|\\.", "", token.text.replace("\\\\", "\\") if not raw else token.text)
        product = 1
        for brace in re.finditer(r"\{([^}]*)\}?", plain):
            counts = re.fullmatch(r"(\d{1,9})(?:,(\d{0,9}))?", brace[1])
            if counts is None:
                raise ValueError("`matches`: `{` begins a repeat such as {2,5} - escape it where it is meant as it is")
            product *= max(int(counts[1]), int(counts[2] or 0), 1)
        if product > MOST_REPEATS:
            raise ValueError(f"`matches`: its repeats make {product} - {MOST_REPEATS} at most, all counts multiplied")


_CODED = re.compile(r"(?<!\\)(?:\\\\)*\\[xXuU0-7]")
_MACRO_TOKENS = frozenset(_Token("name", name) for name in MACROS)


def _text(tokens: list[_Token], place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) and tokens[place].kind == "sign" else ""


def _near(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean `{close[0]}`?" if close else ""
