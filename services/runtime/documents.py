"""Reads the YAML that people write: safely, within bounds, with errors that name file, line, field and fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from baton_schemas.documents.document import Document
from services.runtime.errors import UserError

MAX_BYTES = 900_000
_MAX_DEPTH = 40
_PLACE = re.compile(r"([a-z_]\w*(?:\.\w+)+): ")

D = TypeVar("D", bound=Document)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses what hides mistakes: repeated keys, aliases (and with them their bombs)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not used here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse(model: type[D], text: str, where: str) -> D:
    """The document in `text`, checked against `model`. `where` is the file's name for errors.

    Raises UserError with every problem, one a line: `where:line: field: what is wrong`, near misses suggested.
    """
    root = _compose(text, where)
    loader = _Loader("")
    try:
        data = loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:
        raise _syntax(error, where) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_problem(model, root, item, where) for item in error.errors(include_url=False)]
        raise UserError("\n".join(problems)) from None


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line (from 1) on which the value at `path` stands, or its nearest parent."""
    return _line(_compose(text, ""), path)


def _compose(text: str, where: str) -> yaml.Node:
    if len(text.encode()) > MAX_BYTES:
        raise UserError(f"{where}: over {MAX_BYTES} bytes", fix="split the document")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as error:
        raise _syntax(error, where) from None
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{where}:1: not a mapping", fix="write `field: value` lines")
    if _depth(root) > _MAX_DEPTH:
        raise UserError(f"{where}: nested deeper than {_MAX_DEPTH}", fix="flatten the document")
    return root


def _depth(node: yaml.Node) -> int:
    deepest, level = 0, [node]
    while level and deepest <= _MAX_DEPTH:
        deepest += 1
        following: list[yaml.Node] = []
        for item in level:
            if isinstance(item, yaml.MappingNode):
                following.extend(child for pair in item.value for child in pair)
            elif isinstance(item, yaml.SequenceNode):
                following.extend(item.value)
        level = following
    return deepest


def _syntax(error: Exception, where: str) -> UserError:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    return UserError(f"{where}{line}: {getattr(error, 'problem', None) or 'not YAML'}", fix="correct the YAML")


def _line(root: yaml.Node, path: Sequence[str | int]) -> int:
    node, line = root, root.start_mark.line
    for part in path:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            child = next((value for key, value in node.value if key.value == str(part)), None)
            line = next((key.start_mark.line for key, _ in node.value if key.value == str(part)), line)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line
        if child is None:
            break
        node = child
    return line + 1


def _problem(model: type[Document], root: yaml.Node, item: Any, where: str) -> str:
    path: tuple[str | int, ...] = item["loc"]
    field = ".".join(str(part) for part in path)
    message = item["msg"].removeprefix("Value error, ")
    if not path and (named := _PLACE.match(message)):  # what does not hold between parts says where in its own words
        path = tuple(int(part) if part.isdigit() else part for part in named[1].split("."))
        field, message = named[1], message[named.end() :]
    if item["type"] == "extra_forbidden":
        message = "unknown field" + _near_miss(model, path)
    elif item["type"] == "missing":
        message = "is required"
    return f"{where}:{_line(root, path)}: {field}: {message}" if field else f"{where}: {message}"


def _near_miss(model: type[Document], path: Sequence[str | int]) -> str:
    known = _known_fields(model, set())
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f", did you mean `{close[0]}`?" if close else ""


def _known_fields(model: type[Document], seen: set[type]) -> set[str]:
    """Field names of a model and of all models nested in it: enough to suggest from."""
    if model in seen:
        return set()
    seen.add(model)
    names = {field.alias or name for name, field in model.model_fields.items()}
    for field in model.model_fields.values():
        for nested in _models_in(field.annotation):
            names |= _known_fields(nested, seen)
    return names


def _models_in(annotation: Any) -> list[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
