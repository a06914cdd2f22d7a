"""Who sits at a terminal is asked before everything is deleted; a script meant it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli import kafka


class Untouched:
    def __init__(self, data: Path) -> None:
        self.data = data

    def reset(self) -> Any:
        raise AssertionError("it was reset")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal whose owner says no; what he was asked."""
    said: list[str] = []

    def confirm(text: str, *, abort: bool, err: bool) -> bool:
        said.append(text)
        raise typer.Abort

    monkeypatch.setattr(kafka, "Broker", Untouched)
    monkeypatch.setattr(typer, "confirm", confirm)
    return said


def test_a_person_is_asked_and_may_say_no(asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kafka, "_is_asked", lambda: True)
    told = CliRunner().invoke(kafka.app, ["reset", "--data", str(tmp_path)])
    assert told.exit_code == 1
    assert asked == [f"Delete all that is in {tmp_path}?"]


def test_a_script_and_yes_are_not_asked(asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = CliRunner().invoke(kafka.app, ["reset", "--data", str(tmp_path)])
    assert isinstance(told.exception, AssertionError)
    monkeypatch.setattr(kafka, "_is_asked", lambda: True)
    told = CliRunner().invoke(kafka.app, ["reset", "--yes", "--data", str(tmp_path)])
    assert isinstance(told.exception, AssertionError)
    assert asked == []
