"""The suite notices when the fence, the claim or the generation stamp is gone: its scenarios, run on mutants."""

from __future__ import annotations

import pytest

from tests.faults.conftest import ClusterFactory
from tests.faults.scenarios import (
    complete_group_while_another_restores,
    fetch_across_a_rebalance,
    fetch_that_arrives_late,
    frozen_past_its_session,
)
from tests.faults.verifier import verify
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


@pytest.mark.parametrize("fault", ["in_batch:2", "before_commit_record:1"])
def test_without_the_fence_a_zombie_decides_again(cluster: ClusterFactory, fault: str) -> None:
    workers = cluster(partitions=1)
    frozen_past_its_session(workers, fault, "no_fence")
    until(lambda: "decided_twice" in verify(workers.log.observe("toy")).kinds, "found out", tell=workers.tell)


def test_without_the_claim_a_group_that_lands_during_the_restore_is_decided_again(cluster: ClusterFactory) -> None:
    workers = cluster(partitions=1)
    complete_group_while_another_restores(workers, "no_claim")
    assert "decided_twice" in verify(workers.log.observe("old", "new")).kinds


def test_with_a_stamp_from_before_the_fetch_records_are_lost(cluster: ClusterFactory) -> None:
    assert "lost" in fetch_across_a_rebalance(cluster(), "early_stamp").kinds


def test_without_the_stamp_records_before_a_late_fetch_are_lost(cluster: ClusterFactory) -> None:
    assert "lost" in fetch_that_arrives_late(cluster(), "no_stamp").kinds
