"""Files that another program picks up: whole or not there, and nobody's business but their owner's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from services.connectors.drop.answers import Rejected
from services.connectors.drop.cells import render

LEADS, SLA, ALERTS, OUTCOMES, DONE = "leads", "sla", "alerts", "outcomes", "done"
REJECTED = ".rejected.csv"
_UNFINISHED = ".part"
_ABANDONED_S = 3600.0
_OURS, _OURS_FOLDER = 0o600, 0o700


def make(folder: Path) -> None:
    """Makes the folders that are missing. Raises OSError."""
    for each in (LEADS, SLA, ALERTS, f"{OUTCOMES}/{DONE}"):
        (folder / each).mkdir(mode=_OURS_FOLDER, parents=True, exist_ok=True)


def write(path: Path, data: bytes) -> None:
    """Puts `data` under `path`, at once and for good: it is on the disk before it has its name. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{_UNFINISHED}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OURS)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, _OURS)
        file.write(data)
        file.flush()
        os.fsync(handle)
    unfinished.replace(path)
    _sync(path.parent)


def sweep(folder: Path) -> None:
    """Takes away what a crash left unfinished. Raises OSError."""
    oldest = time.time() - _ABANDONED_S
    for each in (LEADS, SLA, ALERTS, OUTCOMES):
        for path in (folder / each).glob(f".*{_UNFINISHED}"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def dropped(folder: Path, settle_s: float) -> list[Path]:
    """The files with answers that nobody has written to for `settle_s`, the oldest first. Raises OSError."""
    oldest = time.time() - settle_s
    found = ((path.stat().st_mtime, path.name, path) for path in (folder / OUTCOMES).iterdir() if _is_answers(path))
    return [path for at, _, path in sorted(found) if at <= oldest]


def put_away(path: Path, rejected: list[Rejected]) -> Path:
    """Writes what was not used beside the file, then moves the file to done/. Returns where it is now. Raises
    OSError."""
    if rejected:
        rows = [(str(each.line), each.field, each.reason) for each in rejected]
        write(path.with_name(path.stem + REJECTED), render(("line", "field", "reason"), rows, ","))
    target = next(each for each in _names(path) if not each.exists())
    path.rename(target)
    _sync(target.parent)
    return target


def _is_answers(path: Path) -> bool:
    name = path.name
    return name.endswith(".csv") and not name.endswith(REJECTED) and not name.startswith(".") and path.is_file()


def _names(path: Path) -> Iterator[Path]:
    """Where it may go: a file of yesterday may have had the same name."""
    done = path.parent / DONE
    yield done / path.name
    number = 2
    while True:
        yield done / f"{path.stem}.{number}{path.suffix}"
        number += 1


def _sync(folder: Path) -> None:
    """A new name is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
