"""Two people who turn out to be one: what a lead's side knows of it, and which of their open handoffs stays.

The accepted one stays, because somebody is at work on it; else the older, because it was promised first. The judgement
is a function of what is known of the handoffs, so it is the same whichever of the two is told of the other first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Literal, NamedTuple

import msgspec

Standing = Literal["open", "closed", "left"]


class Candidate(NamedTuple):
    """An open handoff of one person. `lead` is the identity under which it was opened."""

    handoff: str
    lead: str
    accepted: bool
    opened_at: int
    rep: str | None = None


class Reported(msgspec.Struct, array_like=True):
    """What was said last of a handoff of ours to the side of the lead that we were merged into."""

    version: int
    standing: Standing
    accepted: bool = False
    rep: str | None = None


class Kin(msgspec.Struct, array_like=True):
    """A handoff of an identity that was merged into this one, as it was reported last. `at` is when it was heard;
    `told` what was answered to this version: to `close`, to `withdraw`, or to say again how it stands (`renew`)."""

    lead: str
    version: int
    definition: str
    standing: Standing
    accepted: bool
    opened_at: int
    rep: str | None
    at: int
    told: Literal["", "close", "withdraw", "renew"] = ""

    @property
    def stamp(self) -> tuple[int, bool]:
        """The later word has the higher one. Who leaves says so of the version that was reported last."""
        return self.version, self.standing == "left"


class Kept(msgspec.Struct, array_like=True):
    """The handoff that was kept when one of ours was closed as merged, and its rep then."""

    handoff: str
    rep: str | None = None


class Merge(msgspec.Struct, array_like=True):
    """`into` is the lead that this one was merged into (None: into nobody, it may be a root), as of `since`."""

    into: str | None = None
    since: int = 0
    reported: dict[str, Reported] = {}
    kin: dict[str, Kin] = {}
    kept: dict[str, Kept] = {}

    def forget(self, known: Container[str], before: int) -> int | None:
        """Drops what is over and was heard until `before`, and what was said of handoffs that are not `known` any more;
        answers when the next of what is over was heard."""
        self.kin = {name: kin for name, kin in self.kin.items() if kin.standing == "open" or kin.at > before}
        self.reported = {name: said for name, said in self.reported.items() if name in known}
        self.kept = {name: kept for name, kept in self.kept.items() if name in known}
        return min((kin.at for kin in self.kin.values() if kin.standing != "open"), default=None)


def stays(candidates: Iterable[Candidate]) -> Candidate:
    """The handoff that is kept.

    >>> early = Candidate("h2", "k1.b", False, opened_at=1)
    >>> late = Candidate("h1", "k1.a", False, opened_at=2)
    >>> stays([early, late]).handoff, stays([early, late._replace(accepted=True)]).handoff
    ('h2', 'h1')
    """
    return min(candidates, key=lambda each: (not each.accepted, each.opened_at, each.handoff))
