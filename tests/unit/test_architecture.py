"""The walls of the house: who may import whom, and that pure modules stay pure. Read from the code, so it can't rot."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("scorer", "router", "feedback", "shadow")
ROOMS = (*SERVICES, "simulator", "connectors")
IMPURE = {
    "aiohttp", "aiokafka", "asyncio", "faust", "http", "logging", "mode", "os", "prometheus_client", "random",
    "secrets", "signal", "socket", "structlog", "subprocess", "threading", "time", "urllib", "uuid",
}  # fmt: skip
KAFKA = {"aiokafka", "faust", "mode"}
PURE_RUNTIME = (
    "agreement", "config_set", "dead_letters", "decide", "documents", "effects", "errors", "origin", "pace",
    "partitioner", "processor", "record", "sshsig", "state", "timers", "undone",
)  # fmt: skip
PURE_CONNECTORS = (
    "actual", "card", "crm", "deal", "drop/answers", "drop/cells", "drop/rows", "drop/settings", "errors", "facts",
    "observation", "orders", "reading", "settings", "words", "tryton/reading", "tryton/settings", "tryton/values",
    "webhook/message", "webhook/retrying", "webhook/signing",
)  # fmt: skip
NOW = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter"}


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def asks_the_time(path: Path) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NOW
    ]


def pure_modules() -> list[Path]:
    services = [path for path in modules(*(f"services/{name}" for name in SERVICES)) if path.name != "main.py"]
    runtime = [ROOT / f"services/runtime/{name}.py" for name in PURE_RUNTIME]
    return services + runtime + [ROOT / f"services/connectors/{name}.py" for name in PURE_CONNECTORS]


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_modules_import_nothing_impure_and_never_ask_the_time(path: Path) -> None:
    impure = {name for name in imports(path) if name.split(".")[0] in IMPURE}
    assert not impure, f"{path}: {sorted(impure)}"
    assert not asks_the_time(path)


@pytest.mark.parametrize("room", ROOMS)
def test_services_meet_on_topics_only(room: str) -> None:
    for path in modules(f"services/{room}"):
        others = {
            name
            for name in imports(path)
            if name.startswith("services.") and name.split(".")[1] not in (room, "runtime")
        }
        assert not others, f"{path} imports {sorted(others)}"


def test_the_runtime_knows_no_service() -> None:
    for path in modules("services/runtime"):
        others = {
            name for name in imports(path) if name.startswith("services.") and not name.startswith("services.runtime")
        }
        assert not others, f"{path} imports {sorted(others)}"


def test_schemas_know_pydantic_and_nothing_of_ours() -> None:
    for path in modules("schemas/baton_schemas"):
        assert not {name for name in imports(path) if name.startswith("services")}, path


def test_only_the_runtime_knows_kafka_and_faust() -> None:
    for path in modules("services"):
        if path.is_relative_to(ROOT / "services/runtime"):
            continue
        assert not {name for name in imports(path) if name.split(".")[0] in KAFKA}, path


def test_every_module_says_why_it_exists() -> None:
    silent = [path for path in modules("services", "schemas") if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [path for path in silent if path.read_text().strip()] == []
