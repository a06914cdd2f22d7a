"""Asks a broker who it is, over one plain socket: light enough to poll, and usable from any thread."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

METADATA, VERSION = 3, 2
# api key, api version, correlation id, no client id; then: an empty array of topics, so none are described
_REQUEST = struct.pack(">hhihi", METADATA, VERSION, 1, -1, 0)
_FRAMED = struct.pack(">i", len(_REQUEST)) + _REQUEST


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker says of its cluster."""

    cluster_id: str
    nodes: tuple[int, ...]  # only brokers that take part, so an empty tuple means: not ready yet


def ask(host: str, port: int, *, timeout_s: float = 2.0) -> Answer | None:
    """The answer of the broker at host:port, or None if nothing there answers as Kafka does."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(_FRAMED)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return _parse(_read(connection, min(size, 1 << 20)))
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("closed in the middle of an answer")
        data += chunk
    return data


def _parse(body: bytes) -> Answer:
    _correlation, count = struct.unpack_from(">ii", body)
    at = 8
    nodes = []
    for _ in range(count):
        (node,) = struct.unpack_from(">i", body, at)
        _host, at = _string(body, at + 4)
        _rack, at = _string(body, at + 4)  # the port lies between
        nodes.append(node)
    cluster_id, _ = _string(body, at)
    return Answer(cluster_id, tuple(nodes))


def _string(body: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", body, at)
    end = at + 2 + max(size, 0)
    return body[at + 2 : end].decode(), end
