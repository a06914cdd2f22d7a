"""Named points where a test kills or freezes this process, to force every gap that a crash can hit.

    BATON_FAULT=<point>:<count>[:kill|exit|stop]

The process dies by SIGKILL (default), leaves by `os._exit`, or freezes by SIGSTOP when it passes the point for the
`count`-th time; before that it writes one line to stderr, so a test knows that the gap was really hit. Unarmed, a
point is one test of a module constant.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Literal, get_args

from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode

Point = Literal[
    "after_claim",
    "between_journal_batches",
    "before_commit_record",
    "between_journal_and_outputs",
    "between_outputs_and_offset",
    "before_offset_commit",
    "in_batch",
    "in_timer",
    "in_restore",
]
VARIABLE = "BATON_FAULT"


def _armed() -> tuple[str, int, str] | None:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    name, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    if name not in get_args(Point) or not count.isdigit() or action not in ("", "kill", "exit", "stop"):
        raise UserError(f"{VARIABLE}: {text}", fix=f"<point>:<count>[:kill|exit|stop], {', '.join(get_args(Point))}")
    return name, int(count), action or "kill"


ARMED = _armed()
_passed = 0


def point(name: Point, detail: str = "") -> None:
    """Passes the point `name`; does nothing unless it is the armed one and its count is reached."""
    if ARMED is None or ARMED[0] != name:
        return
    global _passed  # noqa: PLW0603  one process, one armed point
    _passed += 1
    if _passed != ARMED[1]:
        return
    sys.stderr.write(f"fault hit: {name}:{_passed} {detail}\n")
    sys.stderr.flush()
    if ARMED[2] == "exit":
        os._exit(ExitCode.FAULT)
    os.kill(os.getpid(), signal.SIGSTOP if ARMED[2] == "stop" else signal.SIGKILL)
