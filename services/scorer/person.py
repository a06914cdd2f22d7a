"""What is kept of one identity under its key: its profile, its place among identities, its standing as a lead.

The profile is a function of the set of its events. The rest are notes of decisions that were taken and told, in the
order in which things happened, and differs with that order.

Nothing kept refers back to what keeps it, so the garbage collector needs to know none of it (gc=False).
"""

from __future__ import annotations

import msgspec

from services.scorer.profile import Profile

PREFIX = b"p:"
STATE_VERSION = 1
MOST_GRADES = 6
"""The present one and those before it."""
_VERSION_BYTE = bytes([STATE_VERSION])


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Which identity this one belongs to (None: to itself). The latest (event time, cause) wins."""

    root: str | None
    at: int
    cause: str

    @property
    def stamp(self) -> tuple[int, str]:
        """What decides between two links."""
        return self.at, self.cause


class Held(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The profile of a linked identity as it was published last, or the memory that it was taken back (None).
    `handoff` is the last one that was announced for it."""

    version: int
    via: str
    packed: bytes | None
    handoff: str | None = None


class Claim(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The latest evidence here that a weaker identity belongs to this one."""

    at: int
    cause: str


class Standing(msgspec.Struct, array_like=True, gc=False):
    """What became of a lead under a definition that does not judge it at present: the fields of `Lead` of the same
    names."""

    qualified: bool = False
    handoff: str | None = None
    as_customer: bool = False
    last: str | None = None
    rested_at: int = 0
    rests_until: int = 0
    rest_reason: str = ""


class Lead(msgspec.Struct, array_like=True, gc=False):
    """What was decided and told. Points in tenths, times in ms.

    `slack` is how many points may be added before anything can change upwards; `check_at` is when time alone may
    change something. `qualified` says that the score has not fallen below exit since the lead qualified; `handoff` is
    the last one announced and not withdrawn. `held_at` and `held_cause` are those of the event by which the lead would
    have qualified, while its account has not answered yet. `stopped`: of which handoffs
    of linked identities they were told that the person is no lead any more, and why. `merged` is the handoff by which
    the router was told to whom this identity belongs; None when it takes it for a person of its own. `last` is the
    last one announced, withdrawn or not: sales may open it again. Since `rested_at` sales has said no, and until
    `rests_until` the lead is not offered again; later only for what it did since then (0: nobody said no).
    At `announce_at` it is announced in its turn, if a backfill made it qualify and it still does.
    `history` has the last grades that were told, the newest last, each with its time and the score.
    `definition` names the one that judges; `aside` has the standing under others that judged before, by their names.
    """

    judged: str = ""
    judged_at: int = 0
    grade: str = ""
    fit: int = 0
    qualified: bool = False
    qualification: int = 0
    handoff: str | None = None
    as_customer: bool = False
    slack: int = 0
    check_at: int | None = None
    held_at: int = 0
    held_cause: str = ""
    stopped: dict[str, str] = msgspec.field(default_factory=dict)
    merged: str | None = None
    last: str | None = None
    rested_at: int = 0
    rests_until: int = 0
    rest_reason: str = ""
    history: list[tuple[int, str, int]] = msgspec.field(default_factory=list)
    announce_at: int = 0
    definition: str = ""
    aside: dict[str, Standing] = msgspec.field(default_factory=dict)

    @property
    def announced(self) -> str | None:
        """The last handoff that was announced, if there ever was one."""
        return self.last or self.handoff


class Membership(msgspec.Struct, array_like=True, gc=False):
    """What the account was told of the person, and what it told back (`story`: an AccountSignal as JSON)."""

    account: str | None = None
    version: int = 0
    told: str = ""
    heard: int = 0
    customer: bool = False
    story: bytes | None = None


class Engaged(msgspec.Struct, array_like=True, gc=False):
    """What was last looked at of a person whose account or lead somebody owns: points (tenths) by day, as the account
    was told; the newest grade and since when; the last qualification that was looked at, and since when a handoff tells
    sales of all this; of which account that is, and its last spike that was heard."""

    days: dict[int, int] = msgspec.field(default_factory=dict)
    graded: tuple[int, str] = (0, "")
    qualification: int = 0
    told_at: int = 0
    account: str | None = None
    heard: int = 0


class Person(msgspec.Struct, array_like=True, gc=False):
    """Everything kept under one person key. `born` is the record time of its first record: erasures before it are
    done with."""

    profile: Profile = msgspec.field(default_factory=Profile)
    born: int = 0
    version: int = 0
    link: Link | None = None
    held: dict[str, Held] = msgspec.field(default_factory=dict)
    claims: dict[str, Claim] = msgspec.field(default_factory=dict)
    lead: Lead = msgspec.field(default_factory=Lead)
    membership: Membership = msgspec.field(default_factory=Membership)
    engaged: Engaged | None = None

    @property
    def handoffs(self) -> list[str]:
        """What was announced last for it, under whichever definition, and for the identities linked to it; its own
        first."""
        aside = [each.last or each.handoff for each in self.lead.aside.values()]
        linked = [each.handoff for each in self.held.values() if each.packed is not None]
        return [handoff for handoff in (self.lead.announced, *aside, *linked) if handoff is not None]

    @property
    def root(self) -> str | None:
        """The identity this one is linked to; None when it is a root itself."""
        return self.link.root if self.link is not None else None


def note_grade(lead: Lead, at: int, grade: str, score: int) -> None:
    """Notes a grade that is told, if it is another than the last one."""
    if not lead.history or lead.history[-1][1] != grade:
        lead.history = [*lead.history, (at, grade, score)][-MOST_GRADES:]


def pack(person: Person) -> bytes:
    """The state's bytes, first byte = version."""
    return _VERSION_BYTE + _ENCODER.encode(person)


def unpack(packed: bytes) -> Person:
    """The exact reverse of `pack`."""
    return _DECODER.decode(memoryview(packed)[1:])


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Person)
