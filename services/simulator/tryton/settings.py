"""What may be set about a Tryton server, and the configuration file that says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATABASE = "crm"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Tryton's own defaults, but for the limits on logins: a test should see 429 at its third try, not its seventh, and
    hundreds of simulated people come from one address.

    `wrong_logins` are how many a login name may have and still be heard; a success forgets them, as do
    `session_timeout_s`. After each, Tryton makes the next one wait, up to 2^n - 1 seconds.
    """

    port: int | None = None  # None: the one it had before, else any free one
    session_max_age_s: int = 30 * 24 * 3600  # after so long a session is refused (401)
    session_timeout_s: int = 300
    wrong_logins: int = 1
    wrong_logins_per_address: int = 10_000
    request_max_bytes: int = 2 * 1024 * 1024  # of those who are not logged in
    request_max_bytes_authenticated: int = 16 * 1024 * 1024
    request_timeout_s: int = 60  # for searching and reading
    start_timeout_s: float = 120.0
    stop_timeout_s: float = 10.0


def configuration(settings: ServerSettings, databases: Path, port: int) -> str:
    """The text of trytond.conf. `root` is empty so that no files of a home directory are served."""
    return f"""\
[database]
uri = sqlite://
path = {databases}
language = en
[web]
listen = {HOST}:{port}
root =
[request]
max_size = {settings.request_max_bytes}
max_size_authenticated = {settings.request_max_bytes_authenticated}
timeout = {settings.request_timeout_s}
[session]
authentications = password
max_age = {settings.session_max_age_s}
timeout = {settings.session_timeout_s}
max_attempt = {settings.wrong_logins}
max_attempt_ip_network = {settings.wrong_logins_per_address}
"""
