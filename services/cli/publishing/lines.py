"""A file into numbered JSON documents or CSV rows, whatever its shape, without ever holding a monstrous line.

JSON lines, one JSON array (its elements, or their `payload`; a `batch` of Segment's HTTP API), CSV; each also as .gz.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from services.cli.publishing.draft import Refused
from services.runtime.errors import UserError

MAX_LINE_BYTES = 1 << 20
MAX_ARRAY_BYTES = 256 << 20
_WORTH_CUTTING = 4 << 20
_BOM = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """One numbered unit of a file: a JSON document, a CSV row, or why there is none. `read` counts bytes so far."""

    line: int
    content: Any
    refused: Refused | None = None
    read: int = 0


def is_csv(path: Path) -> bool:
    """Whether the file's name says that it holds rows."""
    return path.name.removesuffix(".gz").endswith((".csv", ".tsv"))


def documents(path: Path) -> Iterator[Item]:
    """The JSON documents of a file: an array's elements, or one a line. Blank lines are skipped."""
    yield from _intact(path, _documents(path))


def halves(path: Path) -> list[range]:
    """Where a file of JSON lines can be cut, so that two can read it: the bytes of each part, lines left whole. One
    part where it can't be cut: an archive, an array, a small file."""
    size = path.stat().st_size
    if path.suffix == ".gz" or size < _WORTH_CUTTING:
        return [range(size)]
    with _open(path) as file:
        start = file.read(4096)
        if start.removeprefix(_BOM).lstrip()[:1] == b"[" or _is_one_batch(start):
            return [range(size)]
        file.seek(size // 2)
        file.readline()
        middle = file.tell()
    return [range(middle), range(middle, size)]


def texts_within(path: Path, part: range) -> Iterator[Item]:
    """The lines of a part that `halves` gave, as bytes that nobody has looked at; numbered from 1 in each."""
    with _open(path) as file:
        file.seek(part.start)
        for item in _texts_of(file):
            yield item
            if part.start + item.read >= part.stop:
                return


def document(item: Item) -> Item:
    """The JSON document of a line."""
    return item if item.refused is not None else _document(item.line, item.content, item.read)


def rows(path: Path, delimiter: str) -> Iterator[Item]:
    """The header first, then one list of texts a row. Raises UserError for a file without header."""
    yield from _intact(path, _rows(path, delimiter))


def _documents(path: Path) -> Iterator[Item]:
    with _open(path) as file:
        start = file.read(4096)
        if not start:
            return
        first = start.removeprefix(_BOM).lstrip()[:1]
        file.seek(0)
        if first == b"[" or (first == b"{" and _is_one_batch(start)):
            yield from _array(file, path)
        else:
            yield from map(document, _texts_of(file))


def _rows(path: Path, delimiter: str) -> Iterator[Item]:
    with _open(path) as file:
        reader = csv.reader(_texts(file), delimiter=delimiter, strict=True)
        line = 0
        while True:
            try:
                content = next(reader, None)
            except csv.Error as error:
                yield Item(reader.line_num, None, Refused("", f"not a CSV row: {error}"), file.tell())
                continue
            if content is None:
                break
            line = line or reader.line_num
            if content:
                yield Item(reader.line_num, content, None, file.tell())
        if not line:
            raise UserError(f"{path}: empty", fix="a CSV file starts with a line of column names")


def _intact(path: Path, items: Iterator[Item]) -> Iterator[Item]:
    try:
        yield from items
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path}: broken archive: {error}", fix="copy the file again") from error


def _open(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a directory", fix="name a file")
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
        opened.peek(1)  # a broken archive shows here
    except (OSError, EOFError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}", fix="name a readable file") from error
    return opened  # type: ignore[return-value]


def _texts_of(file: IO[bytes]) -> Iterator[Item]:
    number, read = 0, 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        read += len(line)
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                read += len(rest)
            read += len(rest)
            yield Item(number, None, Refused("", f"longer than {MAX_LINE_BYTES} bytes"), read)
            continue
        if text := (line.removeprefix(_BOM) if number == 1 else line).strip():
            yield Item(number, text, None, read)


def _document(number: int, text: bytes, read: int) -> Item:
    try:
        return Item(number, json.loads(text), None, read)
    except UnicodeDecodeError:
        return Item(number, None, Refused("", "not UTF-8"), read)
    except (ValueError, RecursionError):
        return Item(number, None, Refused("", "not JSON"), read)


def _is_one_batch(start: bytes) -> bool:
    """Segment's HTTP API takes {"batch": [...]}: one object over several lines, or with its batch first."""
    return start.removeprefix(_BOM).lstrip()[1:].lstrip().startswith(b'"batch"')


def _array(file: IO[bytes], path: Path) -> Iterator[Item]:
    content = file.read(MAX_ARRAY_BYTES + 1)
    if len(content) > MAX_ARRAY_BYTES:
        raise UserError(f"{path}: an array of over {MAX_ARRAY_BYTES >> 20} MiB", fix="write one document a line")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8", fix="save the file as UTF-8") from None
    at = text.index("[") + 1
    line, counted, whole = 1, 0, len(text)
    decoder = json.JSONDecoder()
    while (at := _skip(text, at)) < whole and text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        try:
            element, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield Item(line, None, Refused("", "not JSON; the rest of the array can't be read"), len(content))
            return
        yield Item(line, _unwrapped(element), None, at)
    if at >= whole:
        yield Item(line, None, Refused("", "the array has no end; the file was cut"), len(content))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _unwrapped(element: Any) -> Any:
    if isinstance(element, dict) and isinstance(element.get("payload"), dict) and "type" not in element:
        return element["payload"]
    return element


def _texts(file: IO[bytes]) -> Iterator[str]:
    """Lines as text. What is not UTF-8 is taken as Latin-1, line by line: the way old exports come."""
    first = True
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise UserError(f"a line is longer than {MAX_LINE_BYTES} bytes", fix="is this a CSV file?")
        text = line.removeprefix(_BOM) if first else line
        first = False
        try:
            yield text.decode()
        except UnicodeDecodeError:
            yield text.decode("latin-1")
