"""Who is who: keys of identities, the owner of an event, links between identities, profiles published to the root.

An event belongs to its strongest identifier: email, then user_id, then anonymous_id. The others of one record are
linked to it. A link is evidence with a stamp (event time, cause): the latest wins at the linked identity, in whatever
order it arrives. A linked identity keeps its own profile and publishes it whole, with a version, to its root after
each change; the root reads it beside its own. An identity that is linked itself passes on what it holds, so a chain
ends at one root. Taking back is a publication without a profile.

Evidence that is already in force is not sent again. The owner remembers its latest (a claim), and should the identity
move away on older evidence, it says so then. So the end is the same in any order, and a visitor who sends both
identifiers with each click costs nothing more.

Only aliases between two identifiers of one kind can contradict each other and form a ring. An identity that gets its
own profile back is in one; it gives way if its link is older than the one it came over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from baton_schemas.engagement import Identifiers, PersonAliased, PersonUnlinked
from baton_schemas.keys import IdentifierKind, account_key, normalise
from services.runtime.errors import Permanent
from services.scorer import hot
from services.scorer.person import Claim, Held, Link, Person
from services.scorer.profile import pack as pack_profile

MAX_HELD = 200
MAX_CLAIMS = 200
SEAL_PREFIX = b"k:"


class Identity(NamedTuple):
    """An identifier's place and key. `rank` 0 is the strongest; `email` its normalised text when it is one."""

    rank: int
    key: str
    email: str | None


class Owned(NamedTuple):
    """Whose an event is: its owner, the owner's key as bytes, and the keys of the identities it links to the owner."""

    owner: Identity
    key: bytes
    weaker: tuple[str, ...]


class Publication(NamedTuple):
    """A profile to be published to `to`, or taken back there (packed None); `handoff` is the source's last one."""

    to: str
    source: str
    version: int
    packed: bytes | None
    handoff: str | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """Turns identifiers into keys, with the secret and its id."""

    secret: bytes
    key_id: str

    def seal(self) -> tuple[bytes, bytes]:
        """Under which key a partition remembers the secret of its people, and what: a fingerprint, no way back."""
        fingerprint = blake2b(b"seal", key=blake2b(self.secret, digest_size=32).digest(), digest_size=8)
        return SEAL_PREFIX + self.key_id.encode(), fingerprint.digest()

    def account(self, account: str) -> str:
        """The account key of a company's domain or id."""
        return _account_key(self.secret, self.key_id, account)

    def owned(self, event: hot.Event) -> Owned:
        """Whose an event is. Raises Permanent no_identifier when all its identifiers are blank."""
        if type(event) is PersonAliased:
            person, previous = self._identities(event.person), self._identities(event.previous)
            first, second = (previous, person) if previous[0].rank < person[0].rank else (person, previous)
            return _owned((*first, *second))
        who: Identifiers | hot.Who = event.person  # type: ignore[union-attr]  # all others have a person
        return _owner(self.secret, self.key_id, who.email, who.user_id, who.anonymous_id)

    def unlinked(self, event: PersonUnlinked) -> list[str]:
        """The keys of the identities that an unlinking names."""
        return [identity.key for identity in self._identities(event.previous)]

    def _identities(self, who: Identifiers) -> list[Identity]:
        return _identities(self.secret, self.key_id, who.email, who.user_id, who.anonymous_id)


@lru_cache(maxsize=16_384)
def _owner(secret: bytes, key_id: str, email: str | None, user_id: str | None, anonymous_id: str | None) -> Owned:
    """Whose an event with these identifiers is: people come again, so the latest are remembered."""
    return _owned(_identities(secret, key_id, email, user_id, anonymous_id))


def _identities(
    secret: bytes, key_id: str, email: str | None, user_id: str | None, anonymous_id: str | None
) -> list[Identity]:
    """Strongest first. Raises Permanent no_identifier when all are blank."""
    given: tuple[tuple[IdentifierKind, str | None], ...] = (
        ("email", email),
        ("user_id", user_id),
        ("anonymous_id", anonymous_id),
    )
    found = []
    for rank, (kind, identifier) in enumerate(given):
        if identifier is not None and (text := normalise(kind, identifier)):
            found.append(Identity(rank, _key(secret, key_id, kind, text), text if kind == "email" else None))
    if not found:
        raise Permanent("no_identifier", field="person", fix="one of email, user_id, anonymous_id must not be blank")
    return found


@lru_cache(maxsize=8192)
def _account_key(secret: bytes, key_id: str, account: str) -> str:
    """Asked for at each judgement of a company's people, so the latest are remembered."""
    return account_key(secret, key_id, account)


def _key(secret: bytes, key_id: str, kind: IdentifierKind, normalised: str) -> str:
    """The person key of a normalised identifier: equal to `baton_schemas.keys.person_key`."""
    material = f"{kind}:{normalised}".encode(errors="surrogatepass")
    return f"{key_id}.{blake2b(material, digest_size=16, key=secret).hexdigest()}"


def claim(person: Person, weaker: str, at: int, cause: str) -> bool:
    """Notes the evidence that `weaker` belongs to `person`. Answers whether it must be told to `weaker`."""
    known = person.claims.get(weaker)
    if known is None or (known.at, known.cause) < (at, cause):
        person.claims[weaker] = Claim(at, cause)
        if len(person.claims) > MAX_CLAIMS:
            del person.claims[min(person.claims, key=lambda each: (person.claims[each].at, each))]
    held = person.held.get(weaker)
    return held is None or held.packed is None or held.via != weaker


def relink(person: Person, key: str, link: Link) -> list[Publication] | None:
    """Takes a link in. None when it changes nothing that counts; else what is taken back and published, in order."""
    old = person.link
    if link.root == key or (old is not None and link.stamp <= old.stamp):
        return None
    before = person.root
    person.link = link
    if before == link.root:
        return None
    publications = []
    if before is not None:
        publications += list(_all(person, key, before, taken_back=True))
    if link.root is not None:
        publications += list(_all(person, key, link.root, taken_back=False))
    return publications


def yield_link(person: Person, key: str) -> list[Publication]:
    """Gives up a link that closes a ring; its stamp stays, so only later evidence links again."""
    before = person.root
    if person.link is None or before is None:
        return []
    person.link = Link(None, person.link.at, person.link.cause)
    return list(_all(person, key, before, taken_back=True))


def publish_own(person: Person, key: str) -> list[Publication]:
    """The publication of a linked identity's own profile, after a change; nothing for a root."""
    root = person.root
    if root is None:
        return []
    person.version += 1
    return [Publication(root, key, person.version, pack_profile(person.profile), person.lead.announced)]


def hold(person: Person, source: str, held: Held) -> bool:
    """Takes a published profile in. Answers whether it counts: the latest version of its source does; of one version
    the later word of the same sender, or one that replaces what was taken back. A newer version of equal content
    counts, too: its number is what refuses an older word that comes late, here and wherever it is passed on to."""
    known = person.held.get(source)
    if known is not None:
        same = held.version == known.version
        if held.version < known.version or (same and held.via != known.via and known.packed is not None):
            return False
    person.held[source] = held
    if known is None:
        person.held = dict(sorted(person.held.items()))
        if len(person.held) > MAX_HELD:
            last = next(reversed(person.held))
            del person.held[last]
            return last != source
    return held != known


def passed_on(person: Person, source: str) -> list[Publication]:
    """What a linked identity says to its root of a profile that it was given; nothing for a root. That it may be the
    root's own is how a ring is found."""
    root = person.root
    if root is None:
        return []
    held = person.held[source]
    return [Publication(root, source, held.version, held.packed, held.handoff)]


def _all(person: Person, key: str, to: str, *, taken_back: bool) -> Iterator[Publication]:
    person.version += 1
    if taken_back:
        yield Publication(to, key, person.version, None)
    else:
        yield Publication(to, key, person.version, pack_profile(person.profile), person.lead.announced)
    for source, held in person.held.items():
        if held.packed is not None and taken_back:
            yield Publication(to, source, held.version, None)
        elif held.packed is not None:
            yield Publication(to, source, held.version, held.packed, held.handoff)


def _owned(identities: Sequence[Identity]) -> Owned:
    owner, *others = identities
    weaker = dict.fromkeys(identity.key for identity in others if identity.key != owner.key)
    return Owned(owner, owner.key.encode(), tuple(weaker))
