"""One attempt to bring a message to the receiver: signed anew, paced, and each answer turned into what happens next.

2xx                                        taken
410                                        the receiver is gone: all wait, a person should look
401, 429, 502, 503, 504, refused, no DNS   it serves nobody just now: all wait (as long as Retry-After says)
408, 500, a time-out, a broken answer      this message failed: again later
redirects, 403, 404, 413 and other 4xx     failed as well: both sides can be mended while it is tried again
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from services.connectors.errors import Conflict, CrmError, Failing, Unavailable
from services.connectors.http import Http, failure, retry_after
from services.connectors.webhook import signing
from services.connectors.webhook.addresses import OnlyAllowed
from services.connectors.webhook.endpoint import GONE
from services.connectors.webhook.message import Message, fitting
from services.connectors.webhook.settings import WebhookSettings
from services.runtime.errors import UserError


class Sender:
    """An async context manager. `wall` gives the time of an attempt (ms since 1970): it is signed with it."""

    def __init__(self, settings: WebhookSettings, *, wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000):
        self._settings = settings
        self._wall = wall
        self._http = Http(settings, judge=judge, resolver=OnlyAllowed(private=settings.private_addresses))
        self._agent = f"baton/{version('baton')}"
        self.secrets = read_secrets(settings.secret_files)

    async def __aenter__(self) -> Sender:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__(None, None, None)

    async def send(self, message: Message) -> None:
        """Returns when the receiver took it. Raises CrmError."""
        sent = fitting(message, self._settings.largest_body)
        said = {
            "content-type": "application/json",
            "user-agent": self._agent,
            **signing.headers(sent.id, self._wall() // 1000, sent.body, self.secrets),
        }
        await self._http.post(str(self._settings.url), sent.body, said, what=sent.kind, want_answer=False)


def judge(status: int, headers: Mapping[str, str], what: str) -> CrmError:
    """What a status from 300 on means."""
    text = f"{what}: HTTP {status}"
    if status == 410:
        return Unavailable(GONE, text, retry_after_s=retry_after(headers))
    if 300 <= status < 400:
        return Failing("redirect", text)
    found = failure(status, headers, what)
    return Failing("rejected", text, retry_after_s=retry_after(headers)) if isinstance(found, Conflict) else found


def read_secrets(files: Sequence[Path]) -> list[bytes]:
    """The keys in secret files, in their order. Raises UserError that names file and fix, and quotes nothing."""
    found = []
    for number, path in enumerate(files):
        where = f"secret_files.{number}: {path}"
        try:
            found.append(signing.secret(path.read_text(encoding="ascii").strip()))
        except OSError as error:
            raise UserError(f"{where}: {error.strerror}", fix="name a readable file") from error
        except UnicodeDecodeError:
            raise UserError(f"{where}: is not plain text", fix=_MAKE) from None
        except ValueError as error:
            raise UserError(f"{where}: {error}", fix=_MAKE) from None
    if len(set(found)) < len(found):
        raise UserError("secret_files: the same secret twice", fix="name the new one and the old one, or only one")
    return found


_MAKE = 'make one: echo "whsec_$(openssl rand -base64 32)" > FILE'
