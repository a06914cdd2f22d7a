"""A worker dies by SIGKILL in each gap that a commit has; its successor leaves no trace of it."""

from __future__ import annotations

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import ClusterFactory
from tests.faults.traffic import mixed
from tests.faults.verifier import Findings, verify

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def well(workers: Cluster, *groups: str) -> Findings:
    findings = verify(workers.log.observe(*(groups or ("toy",))))
    assert not findings.anomalies, f"{findings.anomalies[:10]}\n{workers.tell()}"
    return findings


def test_smoke(cluster: ClusterFactory) -> None:
    workers = cluster()
    mixed(workers.log, 200)
    workers.start()
    workers.drain()
    findings = well(workers)
    assert findings.told > 200
