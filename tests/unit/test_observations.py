"""What the code observes is in the metric catalogue, and what is in there is observed: read from the code, so that no
branch is missed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.metrics import CATALOGUE

SERVICES = Path(__file__).parents[2] / "services"
METRICS = SERVICES / "runtime" / "metrics"
FILES = [path for path in sorted(SERVICES.rglob("*.py")) if path.parent != METRICS]
PREPARES = frozenset({"adopt_edges", "start_at_zero"})
"""Calls that name a metric without observing it."""


def named(path: Path, *, passing: frozenset[str] = frozenset()) -> set[str]:
    """Metrics that a file names, but for those in calls of `passing`."""
    return set(_names(ast.parse(path.read_text()), passing))


def _names(node: ast.AST, passing: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("baton_"):
        if not node.value.startswith("baton_schemas"):
            yield node.value
    elif not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in passing):
        for child in ast.iter_child_nodes(node):
            yield from _names(child, passing)


@pytest.mark.parametrize("path", [path for path in FILES if named(path)], ids=lambda path: path.name)
def test_every_metric_that_code_names_is_declared(path: Path) -> None:
    assert named(path) <= set(CATALOGUE)


def test_every_metric_that_is_declared_is_observed_somewhere() -> None:
    observed = set().union(*(named(path, passing=PREPARES) for path in [*FILES, METRICS / "store.py"]))
    assert set(CATALOGUE) - observed == set()
