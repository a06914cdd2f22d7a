"""What strangers wrote is shown as text: it neither styles the terminal, nor moves its cursor, nor ends a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import COMMANDS, app
from services.cli.printable import printable
from services.cli.story import Line
from services.cli.tail import _show
from services.cli.terminal import own_name
from services.runtime.record import LogRecord


def test_control_characters_are_spelt_out() -> None:
    assert printable("a\x1b[2J\x9b1m\u202eb\tc\n") == "a\\x1b[2J\\x9b1m\\u202eb\\tc\\n"
    assert printable("Zoë – 名前 ✓") == "Zoë – 名前 ✓"
    assert Line(0, "said\x1b[2J", details=("x\x07",)) == Line(0, "said\\x1b[2J", details=("x\\x07",))


def test_a_key_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"[/oops]"))
    _show(LogRecord("engagement.events", 0, 7, 0, b"[bold][/x]\x1b[31m", b'{"a": "\xc2\x9b"}', headers), json=False)
    shown = capsys.readouterr().out
    assert "[bold][/x]\\x1b[31m" in shown
    assert "[/oops]" in shown
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_a_client_library_does_not_talk_into_a_command() -> None:
    program = (
        "import asyncio, logging\n"
        "from services.cli.terminal import run\n"
        "async def work(): logging.getLogger('aiokafka.producer.sender').warning('retrying'); print('done')\n"
        "run(work())\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (told.stdout, told.stderr) == ("done\n", "")


@pytest.mark.parametrize("name", ["up", "demo"])
def test_a_data_dir_that_cannot_be_made_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "file" / "baton"))
    monkeypatch.delenv("BATON_KAFKA", raising=False)
    told = CliRunner().invoke(app, [name])
    assert told.exit_code == 2, told.output
    assert told.output.startswith(f"baton: {tmp_path / 'file'}")
    assert told.output.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_offers_to_change_the_shell(name: str) -> None:
    assert "completion" not in CliRunner().invoke(app, [name, "--help"]).output


def test_a_command_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/baton", "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_name() == ".venv/bin/baton"
    (tmp_path / "baton").write_text("#!/bin/sh\n")
    (tmp_path / "baton").chmod(0o755)
    assert own_name() == "baton"
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["services/cli/__main__.py", "demo"])
    assert own_name() == "baton"
