"""How large a person may get: what is kept under one key has at most so many bytes, whatever the world sends.

Two budgets. An identity's own profile has one for itself, so that what others publish to it never costs it what it
knows, and so that what it publishes is bounded alike. Whatever came from others (profiles of linked identities, claims,
the account's story) shares what the own profile and the decisions leave. What then gives way, and in which order, is
in `giving_way.py`. What was decided is never cut: its place is kept free.

It is looked at after a record was taken in and before anything is decided on, so a decision rests on what is kept, and
so nothing depends on how the log is cut into batches. To measure is to pack, which costs as much as the event itself:
so each record only takes off the most by which it can let a person grow, and who has room left is not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import msgspec

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.expression import paths
from services.scorer import person, profile
from services.scorer.criteria import Asked
from services.scorer.dossier import CONTACT
from services.scorer.engagement import COMPANY_TRAITS
from services.scorer.giving_way import (
    Cut,
    Part,
    Read,
    Step,
    acts,
    forget_ids,
    give_way,
    of_profile,
    of_the_past,
    of_these_days,
    uncounted,
    unread_traits,
)
from services.scorer.hops import Colleague, Signal, read_signal
from services.scorer.ledger import ALL
from services.scorer.person import Person
from services.scorer.profile import Profile, latest_act
from services.scorer.scope import MOST_ASIDE, Definitions

MOST_BYTES = 16_384
"""Of a person's packed state."""
MOST_PROFILE = 9_216
"""Of an identity's packed profile, here and where it is published to."""
_SPARE, _SPARE_PROFILE = 1024, 512
"""So much more is freed than must be, lest each event cuts a little."""
_DECIDED = 2560
"""The most that link, lead, membership (but for its story), engaged and the person's own numbers may take."""
_ASIDE, _STOP = 360, 160
"""The most that a standing aside takes, and the note that a linked identity was told to stop."""
_SMALL = 2048
_ROOM = MOST_PROFILE - _SMALL
"""The room of everybody who has not more than `_SMALL` bytes: most people, of whom nothing needs to be remembered."""
_AN_ACT, _A_NAME = 512, 64
TITLE_CHARACTERS = 60


class Limit:
    """The room that people of one batch have left. What is cut goes into `gone`."""

    __slots__ = ("_definitions", "_growth", "_rooms", "gone")

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._growth = _remembered_growth(definitions)
        self._rooms: dict[int, int] = {}
        self.gone: Counter[Part] = Counter()

    def unpack(self, packed: bytes) -> Person:
        """`person.unpack`, which takes note of how large the person is."""
        one = person.unpack(packed)
        if len(packed) > _SMALL:
            self._rooms[id(one)] = MOST_PROFILE - len(packed) - _STOP * len(one.held)
        return one

    def keep(self, one: Person, read: int | None) -> bool:
        """Cuts what is beyond the limit, and answers whether anything was cut. `read` is the size of the record that
        was taken in (bytes); None if what it lets a person grow by is not known from that. The same person must be
        given as the same object for as long as the batch lasts."""
        room = -1
        if read is not None:
            room = self._rooms.get(id(one), _ROOM) - 4 * read - self._growth
        if room >= 0:
            self._rooms[id(one)] = room
            return False
        room, gone = fit(one, self._definitions)
        self._rooms[id(one)] = min(room, _ROOM)
        self.gone += gone
        return bool(gone)


def growth_of(definitions: Definitions) -> int:
    """The most bytes by which an event may let a person grow, beside four for each byte that it has: JSON says a trait
    in six bytes that takes 21 with its time and id. All definitions count the same."""
    most = 0
    for asked in definitions.first.by_action.values():
        most = max(most, sum(3 * len(name) + _A_NAME for name in _names_in(asked)))
    return _AN_ACT + most


def fit(one: Person, definitions: Definitions) -> tuple[int, Counter[Part]]:
    """Makes a person fit. Answers how many bytes it has left to grow, and what was cut."""
    gone = fit_profile(one.profile, definitions)
    own = len(profile.pack(one.profile))
    left = MOST_BYTES - own - _reserved(one, definitions) - _size_of_others(one)
    if left < 0:
        gone += _fit_others(one, definitions, own)
        left = MOST_BYTES - own - _reserved(one, definitions) - _size_of_others(one)
    return min(MOST_PROFILE - own, left), gone


def fit_profile(one: Profile, definitions: Definitions) -> Counter[Part]:
    """Makes a profile fit. Answers what was cut."""
    if len(profile.pack(one)) <= MOST_PROFILE:
        return Counter()
    most = MOST_PROFILE - _SPARE_PROFILE
    return give_way(of_profile(one, read_by(definitions)), lambda: len(profile.pack(one)) - most)


def read_by(definitions: Definitions) -> Read:
    """What the definitions in force read in a profile."""
    traits = {*CONTACT, *COMPANY_TRAITS.values(), "account", "job_title"}
    notes: set[str] = set()
    counted = {ALL}
    for rules in definitions.rules:
        traits |= {*rules.contact, *rules.definition.learnable}
        notes |= set(rules.notes) | set(rules.kept)
        for kind, _, condition, _ in rules.definition.conditions():
            if kind == "trait":
                traits |= set(_traits_in(condition))
        for asked in rules.by_action.values():
            counted |= set(_names_in(asked))
    return Read(frozenset(traits), frozenset(notes), frozenset(counted))


def _names_in(asked: Asked) -> list[str]:
    """Under which names an action is counted."""
    counted = [rule.id for rule in asked.counted] + [rule.id for rule in asked.absences]
    return counted + [step.key for _, step in asked.steps]


def _traits_in(condition: Condition) -> Iterator[str]:
    if condition.trait is not None:
        yield condition.trait
    if condition.cel is not None:
        yield from (path.name for path in paths(condition.cel) if path.root == "traits")
    for part in condition.parts():
        yield from _traits_in(part)


def _reserved(one: Person, definitions: Definitions) -> int:
    """What decisions may still add: they overwrite fields of a bounded size, but for one standing for each definition
    and one stop for each handoff of a linked identity."""
    aside = {*one.lead.aside, *(rules.definition.name for rules in definitions.rules)}
    stops = sum(held.handoff is not None for held in one.held.values())
    return _DECIDED + _ASIDE * min(len(aside) - 1, MOST_ASIDE) + _STOP * stops


def _size_of_others(one: Person) -> int:
    if not one.held and not one.claims and one.membership.story is None:
        return 0
    return len(_ENCODER.encode((one.held, one.claims, one.membership.story)))


def _fit_others(one: Person, definitions: Definitions, own: int) -> Counter[Part]:
    """Cuts what came from others; `own` is the size of the profile. The ids of linked identities are nobody's loss."""
    read = read_by(definitions)
    profiles = {source: profile.unpack(held.packed) for source, held in one.held.items() if held.packed is not None}
    for each in profiles.values():
        forget_ids(each)

    def over() -> int:
        for source, held in list(one.held.items()):
            if held.packed is not None and (packed := profile.pack(profiles[source])) != held.packed:
                one.held[source] = msgspec.structs.replace(held, packed=packed)
        return own + _reserved(one, definitions) + _size_of_others(one) - MOST_BYTES

    if over() <= 0:
        return Counter()
    linked = list(profiles.values())
    steps: list[Step] = [
        ("colleague", partial(_long_titles, one)),
        ("trait", partial(unread_traits, linked, read)),
        ("criterion", partial(uncounted, linked, read)),
        ("act", partial(acts, linked)),
        ("claim", partial(_claims, one)),
        ("identity", partial(_taken_back, one)),
        *of_the_past(linked, read),
        ("identity", partial(_identities, one, profiles, announced=False)),
        *of_these_days(linked),
        ("identity", partial(_identities, one, profiles, announced=True)),
        ("colleague", partial(_colleagues, one)),
    ]
    return give_way(steps, lambda: over() + _SPARE)


def _long_titles(one: Person) -> Iterator[Cut]:
    """Titles of colleagues that are too long for a dossier."""
    story = _story(one)
    long = sum(len(each.job_title or "") > TITLE_CHARACTERS for each in story.colleagues)
    if long:
        titles = [each.job_title and each.job_title[:TITLE_CHARACTERS] for each in story.colleagues]
        both = zip(story.colleagues, titles, strict=True)
        yield _retold(one, story, [msgspec.structs.replace(each, job_title=title) for each, title in both], long)


def _colleagues(one: Person) -> Iterator[Cut]:
    """Colleagues as a whole: the account's standing stays."""
    story = _story(one)
    if story.colleagues:
        yield _retold(one, story, [], len(story.colleagues))


def _story(one: Person) -> Signal:
    story = one.membership.story
    return Signal(account="", person="", version=0, colleagues=[]) if story is None else read_signal(story)


def _retold(one: Person, story: Signal, colleagues: list[Colleague], things: int) -> Cut:
    told = msgspec.structs.replace(story, colleagues=colleagues).to_json()
    size = len(one.membership.story or b"") - len(told)
    return Cut((), size, partial(setattr, one.membership, "story", told), things)


def _claims(one: Person) -> Iterator[Cut]:
    """Evidence that weaker identities belong here, the oldest first. What is forgotten is told again when it is next
    seen."""
    for key, claim in one.claims.items():
        yield Cut((claim.at, claim.cause, key), len(key) + len(claim.cause) + 11, partial(one.claims.pop, key))


def _taken_back(one: Person) -> Iterator[Cut]:
    """Memories that a profile was taken back, those of the fewest versions first."""
    for source, held in one.held.items():
        if held.packed is None:
            yield Cut((held.version, source), len(source) + len(held.via) + 12, partial(one.held.pop, source))


def _identities(one: Person, profiles: dict[str, Profile], *, announced: bool) -> Iterator[Cut]:
    """Linked identities as a whole, with or without a handoff, by when they were last active."""
    for source, held in one.held.items():
        if held.packed is not None and (held.handoff is not None) is announced:
            size = len(source) + len(held.via) + len(held.packed) + (16 + _STOP if announced else 16)
            place = (latest_act([profiles[source]]) or 0, source)
            yield Cut(place, size, partial(_let_go, one, source))


def _let_go(one: Person, source: str) -> None:
    handoff = one.held.pop(source).handoff
    if handoff is not None:
        one.lead.stopped.pop(handoff, None)


def _remembered_growth(definitions: Definitions) -> int:
    """`growth_of`, worked out once for definitions in force."""
    if not _remembered or _remembered[0][0] is not definitions:
        _remembered[:] = [(definitions, growth_of(definitions))]
    return _remembered[0][1]


_remembered: list[tuple[Definitions, int]] = []
_ENCODER = msgspec.msgpack.Encoder()
