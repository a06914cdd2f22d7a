"""What the scenarios look through: HTTP, and a real Prometheus with the shipped configuration and rules."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from services.runtime.metrics import CATALOGUE

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


def get(url: str) -> tuple[int, Any]:
    """Status and body; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    except OSError:
        return 0, None
    return status, json.loads(body) if body.startswith(b"{") else body.decode()


def until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` gives once that is true."""
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


@contextmanager
def prometheus(targets: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A Prometheus that scrapes `targets` (host:port by service); only where the workers are is the test's."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["rule_files"] = [str(ROOT / "deploy/prometheus/rules/*.yml")]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"], job["relabel_configs"]
    job["static_configs"] = [{"targets": [at], "labels": {"service": service}} for service, at in targets.items()]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = _free_port()
    with (folder / "prometheus.log").open("wb") as out:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=out,
            stderr=out,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def query(base: str, expression: str) -> list[Any]:
    """The query API's answer; nothing while Prometheus does not answer yet."""
    _, body = get(f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    found: list[Any] = body["data"]["result"] if isinstance(body, dict) and body["status"] == "success" else []
    return found


def metrics_in(base: str) -> set[str]:
    """The metrics of ours that Prometheus holds, a histogram by its own name."""
    return {_family(found["metric"]["__name__"]) for found in query(base, '{__name__=~"baton_.+"}')}


def _family(name: str) -> str:
    for suffix in ("_bucket", "_count", "_sum"):
        if name.removesuffix(suffix) in CATALOGUE:
            return name.removesuffix(suffix)
    return name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
