"""Stories with two workers that both believe to own a partition, told with a sound engine or with one of the mutants.

Each asserts on its way that its gap was really hit. What it came to is for the caller: a sound engine leaves no
anomaly, a mutant has to be found out.
"""

from __future__ import annotations

from tests.faults.cluster import Cluster, Worker
from tests.faults.journal_view import JournalView, fold
from tests.faults.traffic import mixed, plain
from tests.faults.verifier import Findings, verify
from tests.faults.waiting import until


def frozen_past_its_session(workers: Cluster, fault: str, variant: str = "") -> tuple[Worker, JournalView]:
    """A worker is frozen at `fault` until another has done its work and the journal was compacted; then it wakes.

    The answer is that worker, and its journal as it was when it froze. One partition: so nothing else of that worker
    was under way, whose time would be over when it wakes.
    """
    log = workers.log
    assert log.partitions == 1
    mixed(log, 60)
    zombie = workers.start(fault=f"{fault}:stop", variant=variant)
    zombie.wait_for("fault hit")
    zombie.wait_frozen()
    then = fold(log.journal()[0])
    log.configure("second")
    workers.start()
    workers.drain()
    assert len(fold(log.journal()[0]).claims) > len(then.claims), "nobody took over"
    plain(log, 5)
    workers.drain()
    assert log.compact() > 0
    zombie.thaw()
    return zombie, then


def complete_group_while_another_restores(workers: Cluster, variant: str = "") -> Worker:
    """The old owner writes a whole group after the new one has read the journal to its end; answers the old one.

    Two groups of workers, one journal: so no rebalance ends the story early, and it takes no session's time.
    """
    log = workers.log
    assert log.partitions == 1
    plain(log, 10)
    old = workers.start(service="old", fault="in_batch:1:stop")
    old.wait_for("fault hit")
    old.wait_frozen()
    log.configure("second")
    new = workers.start(service="new", fault="in_restore:1:stop", variant=variant)
    new.wait_for("fault hit")
    new.wait_frozen()
    end = len(log.journal()[0])
    old.thaw()
    until(lambda: log.lag("old") == 0, "the old owner at the end")
    assert len(log.journal()[0]) > end
    assert fold(log.journal()[0]).groups[-1], "no group landed in between"
    new.thaw()
    until(lambda: log.lag("new") == 0, "the new owner at the end", tell=workers.tell)
    return old


def fetch_across_a_rebalance(workers: Cluster, variant: str = "") -> Findings:
    """A fetch is asked for in one generation and answered in the next one."""
    log = workers.log
    waiting = workers.start(variant=f"{variant},long_poll")
    until(lambda: len(log.members()) == 1, "joined", tell=workers.tell)
    until(
        lambda: "fetching: 1" in waiting.said,
        "fetching in generation 1",
        nudge=lambda: plain(log, log.partitions),
    )
    workers.start()
    until(lambda: len(log.members()) == 2, "joined by another", tell=workers.tell)
    plain(log, 5 * log.partitions)
    line = waiting.wait_for("fetch outlasted a rebalance: 1 2")
    assert int(line.split()[-1]) > 0
    plain(log, 5 * log.partitions)
    workers.drain()
    return verify(log.observe("toy"))


def fetch_that_arrives_late(workers: Cluster, variant: str = "") -> Findings:
    """Records fetched in one generation reach the lanes of the next one, which want to begin below them."""
    log = workers.log
    holding = workers.start(variant=f"{variant},stuck_commit,held_fetch")
    plain(log, log.partitions)
    until(lambda: holding.said.count("commit held") == log.partitions, "commits held", tell=workers.tell)
    plain(log, log.partitions)
    holding.wait_for("fetch held: 1")
    workers.start()
    holding.wait_for("fetch released: 1 2")
    plain(log, log.partitions)
    workers.drain()
    return verify(log.observe("toy"))
