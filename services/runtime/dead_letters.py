"""Dead letters: an input that can't be used, on `<topic>.dead`, whole, with the reason, and the way back (L6).

Key, value and headers of the original are kept as they are; one block of `baton-dead-...` headers follows them. The
block starts with the code and is always last, so a dead letter of a dead letter still reads back exactly. Equal input
gives equal bytes: a letter that is sent again after a restart is the same letter.

Two originals can't be kept as they are. A null key becomes an empty one, marked, because a record without key has no
fixed partition. And an original that would not fit the dead topic (it was compressed on the way in) is cut down to
its position: the bytes are still on the log it came from, nothing jams, and the mark says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from services.runtime.effects import DeadLetter, Send
from services.runtime.errors import UserError
from services.runtime.origin import ORIGIN_HEADER, Origin
from services.runtime.record import LogRecord, Record

SUFFIX = ".dead"
PREFIX = "baton-dead-"
NO_OFFSET = -1
"""The offset of a timer's letter: no input record caused it."""

FRAME_BYTES = 100
"""Upper bound of what the log adds to a record that travels alone: batch header (61) and record frame."""
HEADER_FRAME_BYTES = 10

_LONGEST_WORD = 500
_LONGEST_CUT_KEY = 1000


def dead_topic(topic: str) -> str:
    """The catalogue name of the topic that takes the dead letters of `topic`."""
    return topic + SUFFIX


def size_of(send: Send) -> int:
    """Upper bound of the bytes that `send` takes in the log, uncompressed."""
    size = FRAME_BYTES + len(send.key)
    if send.value is not None:
        size += len(send.value)
    for name, value in send.headers:
        size += HEADER_FRAME_BYTES + 4 * len(name) + (len(value) if value else 0)
    return size


def render(letter: DeadLetter, *, topic: str, processor: str, limit: int) -> Send:
    """The record to send for `letter`; `topic` is the catalogue name of its input, `limit` the dead topic's bytes."""
    record = letter.record
    block = [
        ("code", letter.code),
        ("field", letter.field),
        ("fix", letter.fix),
        ("topic", topic),
        ("partition", str(record.partition)),
        ("offset", str(record.offset)),
        ("timestamp", str(record.timestamp)),
        ("processor", processor),
    ]
    if record.key is None:
        block.append(("null-key", "1"))
    send = Send(dead_topic(topic), record.key or b"", record.value, (*record.headers, *_headers(block)))
    if size_of(send) <= limit:
        return send
    block.append(("cut", str(size_of(send))))
    return Send(send.topic, send.key[:_LONGEST_CUT_KEY], None, _headers(block))


def timer_letter(
    failure: tuple[str, str, str], *, topic: str, partition: int, key: bytes, name: str, due: int, timestamp: int
) -> DeadLetter:
    """The letter of a timer that can't be carried out: `failure` is code, field, fix; `timestamp` is `due` as wall ms.

    No input record caused it, so it carries one that describes the timer: the state's key and, as headers, its name
    and due time (Baton ms).
    """
    headers = (("baton-timer", name.encode()), ("baton-timer-due", str(due).encode()))
    return DeadLetter(LogRecord(topic, partition, NO_OFFSET, timestamp, key, None, headers), *failure)


class Replay(NamedTuple):
    """An original, to be published again on its own topic (catalogue name)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter, read back: why, who says so, and the original."""

    code: str
    field: str
    fix: str
    processor: str
    origin: Origin
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    cut: bool

    @property
    def of_timer(self) -> bool:
        """Whether a timer, not an input record, died."""
        return self.origin.offset == NO_OFFSET

    def replay(self) -> Replay:
        """The original with one header more, its origin, unless it already carried one.

        Raises UserError when there is no original in here: it was cut, or a timer died.
        """
        where = "/".join(map(str, self.origin))
        if self.of_timer:
            raise UserError(f"{where}: a timer died, there is no record to replay", fix="publish what sets it again")
        if self.cut:
            raise UserError(f"{where}: too large for the dead topic", fix="read the original at its origin")
        carried = any(name == ORIGIN_HEADER for name, _ in self.headers)
        headers = self.headers if carried else (*self.headers, self.origin.header())
        return Replay(self.origin.topic, self.key, self.value, headers)


def read(record: Record) -> Buried:
    """Reads a dead letter back. Raises UserError when `record` is none."""
    headers = tuple((name, value) for name, value in record.headers)
    starts = [index for index, (name, _) in enumerate(headers) if name == PREFIX + "code"]
    if not starts:
        raise UserError(f"{record.topic}/{record.partition}/{record.offset}: header {PREFIX}code: missing")
    ours = {name.removeprefix(PREFIX): value.decode() for name, value in headers[starts[-1] :]}
    return Buried(
        code=ours["code"],
        field=ours["field"],
        fix=ours["fix"],
        processor=ours["processor"],
        origin=Origin(ours["topic"], int(ours["partition"]), int(ours["offset"])),
        timestamp=int(ours["timestamp"]),
        key=None if "null-key" in ours else record.key,
        value=record.value,
        headers=headers[: starts[-1]],
        cut="cut" in ours,
    )


def _headers(block: list[tuple[str, str]]) -> tuple[tuple[str, bytes], ...]:
    return tuple((PREFIX + name, text[:_LONGEST_WORD].encode(errors="backslashreplace")) for name, text in block)
