"""Rules and alerts name what exists, each alert is tested and has its page, and promtool agrees."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from services.cli.main import COMMANDS, load_command
from services.runtime.metrics import CATALOGUE

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/prometheus"
RUNBOOKS = ROOT / "deploy/runbooks"
OTHERS = {"up", "process_start_time_seconds", "process_resident_memory_bytes"}
SERIES = re.compile(r"(?<![\w:.])(baton_\w+|process_\w+|\w*baton:\w+:\w+|\w+:baton_\w+:\w+)")


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted((FOLDER / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def exists(series: str) -> bool:
    if series in OTHERS | RECORDED:
        return True
    for suffix in ("", "_bucket", "_sum", "_count"):
        metric = CATALOGUE.get(series.removesuffix(suffix) if suffix else series)
        if metric is not None and (metric.kind == "histogram") == bool(suffix):
            return True
    return False


def expressions() -> list[tuple[str, str]]:
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    for page in sorted(RUNBOOKS.glob("*.md")):
        found += [(page.name, code) for code in re.findall(r"`([^`]+)`", page.read_text())]
    return found


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_every_expression_names_series_that_exist(where: str, expression: str) -> None:
    assert not [series for series in SERIES.findall(expression) if not exists(series)], where


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_labels_of_selectors_are_the_metrics_own(rule: dict[str, Any]) -> None:
    for name, selector in re.findall(r"(baton_\w+)\{([^}]*)\}", rule["expr"]):
        declared = {label.name: label for label in CATALOGUE[name].labels}
        for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selector):
            assert label in declared, f"{name}: no label {label}"
            known = set(declared[label].values)
            assert not known or set(re.split(r"\|", value)) <= known, f"{name}: {label}{operator}{value}"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_severity_and_a_page(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert {"summary", "description", "runbook_url"} <= set(rule["annotations"])
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page == RUNBOOKS / f"{rule['alert']}.md"
    text = page.read_text()
    assert text.startswith(f"# {rule['alert']} ({rule['labels']['severity']})")
    assert all(part in text for part in ("**Means**", "**Look at**", "**Do**"))


def test_no_page_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {rule["alert"] for rule in ALERTS}


def test_every_alert_is_tested_to_fire() -> None:
    fired = {
        test["alertname"]
        for path in (FOLDER / "tests").glob("*.yaml")
        for case in yaml.safe_load(path.read_text())["tests"]
        for test in case.get("alert_rule_test", [])
        if test["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in ALERTS}


def commands() -> list[tuple[str, str, str]]:
    found = set()
    for page in sorted([*RUNBOOKS.glob("*.md"), ROOT / "deploy/README.md"]):
        for code in re.findall(r"`([^`]+)`", page.read_text()):
            if match := re.match(r"(?:docker compose run --rm )?baton ([a-z][a-z-]*)(?: ([a-z-]+)\b)?", code):
                found.add((page.name, match[1], match[2] or ""))
    return sorted(found)


@pytest.mark.parametrize(("page", "name", "sub"), commands())
def test_every_command_in_a_page_exists(page: str, name: str, sub: str) -> None:
    assert name in COMMANDS, page
    try:
        command = load_command(name)
    except ImportError:
        pytest.skip(f"baton {name} is declared and not there yet")
    if isinstance(command, typer.core.TyperGroup) and sub:
        assert sub in command.commands, page


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no `promtool` here: apt-get install prometheus"
)


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_nothing_wrong() -> None:
    promtool("check", "config", str(FOLDER / "prometheus.yml"))
    promtool("check", "rules", *map(str, (FOLDER / "rules").glob("*.yml")))


@needs_promtool
@pytest.mark.parametrize("path", sorted((FOLDER / "tests").glob("*.yaml")), ids=lambda path: path.stem)
def test_promtool_runs_our_rule_tests(path: Path) -> None:
    promtool("test", "rules", str(path))
