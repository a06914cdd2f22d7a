"""What the code observes is in the metric catalogue: read from the code, so that no branch is missed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services.runtime.metrics import CATALOGUE

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted((ROOT / "services").rglob("*.py")) if "metrics" not in path.parts]


def observed(path: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("baton_")
        and not node.value.startswith("baton_schemas")
    }


@pytest.mark.parametrize("path", [path for path in FILES if observed(path)], ids=lambda path: path.name)
def test_every_metric_that_code_names_is_declared(path: Path) -> None:
    assert observed(path) <= set(CATALOGUE)
