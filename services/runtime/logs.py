"""One log for a whole process: JSON lines on stdout, or a readable form on a terminal; no personal data in either (L8).

structlog renders everything, standard `logging` included, so faust's, mode's and aiokafka's lines have the same form.
`configure` is called once, at the start of a process; `LEAVE_LOGGING_ALONE` keeps faust's worker from undoing it.

What may hold personal data does not get out: values under a telling key (`email`, `name`, `phone`, ...) are dropped
and the key is named in `removed`; mail addresses are masked wherever they stand; tracebacks quote no input
(`services.runtime.tracebacks`); bytes are shown as their number.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from services.runtime import tracebacks
from services.runtime.repeats import Repeats

Format = Literal["auto", "json", "console"]

LEAVE_LOGGING_ALONE: Final[dict[str, Any]] = {"override_logging": False, "redirect_stdouts": False}
"""Options for `faust.Worker`: without them it clears the root logger's handlers and redirects stdout."""

_KEYS = """
address anonymous_id birthday body city company_name contact data email emails first_name firstname full_name ip
job_title last_name lastname mail mobile name note payload person_name phone phones postal_code properties record rep
rep_name salutation street tel telephone title traits user user_agent user_id username value zip
"""
PERSONAL_KEYS: Final = frozenset(_KEYS.split())
REMOVED: Final = "[removed]"

_MAIL = re.compile(r"[^\s\"'<>(),;:=\[\]]+@[^\s\"'<>(),;:=\[\]]+\.[^\s\"'<>(),;:=\[\]]+")
_CHATTY = ("aiokafka", "asyncio", "faust", "mode", "kafka")


def configure(form: Format = "auto", level: str = "INFO", *, stream: TextIO | None = None, **always: str | int) -> None:
    """Sends all logging of this process to `stream` (stdout). `always` stands on every line: processor, pid.

    Libraries speak from WARNING on, unless `level` is DEBUG; what they repeat is heard every five seconds.
    """
    out = sys.stdout if stream is None else stream
    console = form == "console" or (form == "auto" and out.isatty())
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _Always(always),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(_traceback),
        without_personal_data,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processors=[*common, _in_order, *_rendering(console, out)])
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    handler.addFilter(Repeats(_CHATTY))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    logging.captureWarnings(True)


def without_personal_data(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The last processor before rendering: see the module's promise."""
    removed = sorted(key for key in event if key.lower() in PERSONAL_KEYS)
    for key in removed:
        del event[key]
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _cleaned(value)
    if removed:
        event["removed"] = removed
    return event


class _Always:
    """Fields that stand on every line."""

    def __init__(self, fields: Mapping[str, str | int]) -> None:
        self._fields = dict(fields)

    def __call__(self, _: WrappedLogger, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in self._fields.items():
            event.setdefault(key, value)
        return event


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Time, level and event first; what structlog hands to itself goes."""
    first = {key: event.pop(key) for key in ("at", "level", "event") if key in event}
    return {**first, **{key: value for key, value in event.items() if not key.startswith("_")}}


def _traceback(exc_info: ExcInfo) -> str:
    return tracebacks.rendered(exc_info[1])


def _cleaned(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {
            str(key): REMOVED if str(key).lower() in PERSONAL_KEYS else _cleaned(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    text = value if isinstance(value, str) else str(value)
    return _MAIL.sub(REMOVED, text) if "@" in text else text


def _rendering(console: bool, out: TextIO) -> list[Processor]:
    if console:
        plain = structlog.dev.plain_traceback
        return [
            structlog.dev.ConsoleRenderer(colors=out.isatty(), timestamp_key="at", exception_formatter=plain),
        ]
    return [
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
    ]
