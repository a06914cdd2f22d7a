"""The bench runs: its numbers mean nothing here, but its contenders must come to one and the same result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.report import BEGIN, END, Row, Section, Verdict, markdown, placed, summary

ROOT = Path(__file__).parents[2]


@pytest.mark.kafka
def test_the_bare_comparison_runs_and_tells(tmp_path: Path) -> None:
    told = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench", "--events", "2000", "--people", "200", "--runs", "1", "--only", "bare"]
    done = subprocess.run([*command, "--json", str(told)], cwd=ROOT, capture_output=True, text=True, timeout=150)  # noqa: PLW1510
    assert done.returncode == 0, done.stderr
    (section,) = json.loads(told.read_text())["measured"]
    assert [len(row["runs"]) for row in section["rows"]] == [2, 2, 2, 1]
    assert len(section["verdicts"]) == 3
    assert "| target |" in done.stdout


def test_wrong_options_end_with_a_word(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--runs", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)  # noqa: PLW1510
    assert done.returncode == 2
    assert "--runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_stands_between_its_markers_and_names_what_was_missed() -> None:
    section = Section("x", "X", "How.", [Row("a", "s", [4.0, 8.0, 6.0]), Row("b", "s", [3.0, 3.0, 3.0])])
    section.compare("a", "b", 2.5)
    section.verdicts.append(Verdict("a, s", 6.0, section.row("a").median, at_least=False))
    table = markdown({"CPU": "one"}, [section])
    assert "| a | 4.00 s | 6.00 s | 8.00 s | 3 |" in table
    assert "| a : b | ≥ 2.50 | 2.00 (run by run: 1.33, 2.67, 2.00) | **missed by 20%** |" in table
    assert "| a, s | ≤ 6.00 | 6.00 | reached |" in table
    short = summary({"CPU": "one"}, [section])
    assert "How." not in short
    assert "| a | 4.00 s | 6.00 s | 8.00 s | 3 |" in short
    assert "| a : b | ≥ 2.50 | 2.00 (run by run: 1.33, 2.67, 2.00) | **missed by 20%** |" in short
    text = placed(f"before {BEGIN} old {END} after", table)
    assert (text.startswith("before "), text.endswith(" after"), " old " in text) == (True, True, False)
    with pytest.raises(ValueError, match="bench:begin"):
        placed("no markers", table)
