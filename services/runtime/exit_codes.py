"""What a worker's exit code says. One enum, so that supervisors, runbooks and tests mean the same."""

from __future__ import annotations

from enum import IntEnum

from services.runtime.errors import Fenced, Transient


class ExitCode(IntEnum):
    """A supervisor restarts after everything but OK and USER; BUG comes back at once until its cause is gone."""

    OK = 0
    """Drained and committed after SIGTERM or SIGINT."""
    USER = 2
    """A person has to fix it: settings, topics, configuration."""
    BUG = 70
    """A processor failed; the good part of its batch is committed. The last line says where. See `baton skip`."""
    STUCK = 71
    """No progress while there was lag (the watchdog)."""
    FENCED = 75
    """Another worker owns a partition that this one thought to own. Harmless: nothing was told after that."""
    UNAVAILABLE = 76
    """The broker, or something a processor needs, did not come back within half a session."""
    SPLIT = 77
    """The inputs of a processor were given different partitions: the assignor is not the one Baton needs."""
    FAULT = 86
    """A fault point that a test armed."""


def exit_code(error: BaseException | None) -> ExitCode:
    """The exit code for what ended a worker: the error's own `exit_code`, or that of its kind."""
    if error is None:
        return ExitCode.OK
    own = getattr(error, "exit_code", None)
    if isinstance(own, int):
        return ExitCode(own)
    for kind, code in (
        (Fenced, ExitCode.FENCED),
        (Transient, ExitCode.UNAVAILABLE),
    ):
        if isinstance(error, kind):
            return code
    return ExitCode.BUG
