"""The root command: quick help, one line and exit code 2 for a mistake, and the same words for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import COMMANDS, app


def baton(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from services.cli.main import run; run()", *args]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environ}
    )


def test_help_names_every_command_and_loads_none() -> None:
    program = (
        "import sys, atexit\n"
        "from services.cli.main import run\n"
        "atexit.register(lambda: print(sorted(m for m in sys.modules if m.startswith('services.')), file=sys.stderr))\n"
        "sys.argv = ['baton', '--help']\n"
        "run()\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert all(name in told.stdout for name in COMMANDS)
    loaded = told.stderr.strip()
    assert "services.cli.main" in loaded
    assert "embedded" not in loaded
    assert not any(module in loaded for module, _ in COMMANDS.values())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_loaded_and_shows_an_example(name: str) -> None:
    told = CliRunner().invoke(app, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert "Example" in told.output


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    told = baton("kafka", "reset", "--data", str(tmp_path))
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.startswith("baton: ")
    assert told.stderr.count("\n") == 1
    assert "mine.txt" in told.stderr


def test_status_of_no_broker_is_3_in_words_and_in_json(tmp_path: Path) -> None:
    told = baton("kafka", "status", "--json", "--data", str(tmp_path))
    assert told.returncode == 3
    assert json.loads(told.stdout)["state"] == "stopped"
    plain = baton("kafka", "status", BATON_DATA_DIR=str(tmp_path))
    assert plain.returncode == 3
    assert plain.stdout.startswith("stopped")
    assert str(tmp_path / "kafka") in plain.stdout
    assert "\x1b" not in plain.stdout
    assert plain.stdout.count("\n") == 1


def test_a_typo_suggests_the_command() -> None:
    told = baton("kafak")
    assert told.returncode == 2
    assert "'kafka'" in told.stderr
    assert "Traceback" not in told.stderr
