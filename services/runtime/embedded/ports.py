"""Free ports for the embedded broker, outside the range from which the system gives ports to clients.

A client that retries against a stopped broker may be given the broker's own port as its local one if that lies in
the system's range; it then talks to itself, and the broker cannot come back.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000  # Linux gives clients 32768 and up, others 49152 and up


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: TIME_WAIT is no obstacle
        try:
            server.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(*, avoid: frozenset[int] = frozenset()) -> int:
    """A port that is free now; another program can still be faster, so be ready to ask again."""
    for port in random.sample(range(_LOWEST, _HIGHEST), 200):
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port on {HOST} between {_LOWEST} and {_HIGHEST}")
