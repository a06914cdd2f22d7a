"""What the scorer says, as records: ids derive from what caused them, so a decision told twice is one record (L2)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b

from baton_schemas.accounts import AccountSignal
from baton_schemas.contract import format_time
from baton_schemas.envelope import to_headers
from baton_schemas.feedback import LeadRecycled
from baton_schemas.keys import handoff_id
from baton_schemas.leads import LeadQualified, LeadScored, LeadUnmerged, LeadWithdrawn
from services.runtime.effects import Send
from services.runtime.origin import Origin
from services.runtime.record import Record
from services.scorer.account import Story, story_of
from services.scorer.definition import Rules
from services.scorer.dossier import contact_of, dossier_of
from services.scorer.explanation import ledger_content, missing, top_reasons
from services.scorer.hops import ENCODER, Linked, Published, Stopped, Summary
from services.scorer.identity import Publication
from services.scorer.intake import RECORDED_HEADER, Envelope
from services.scorer.person import Link, Person
from services.scorer.qualification import Judgement, tier_of
from services.scorer.rest import in_words

SOURCE = "/baton/scorer"
_CONTENT_TYPE, _SPECVERSION, _, _SOURCE, _, _ = to_headers(id="", source=SOURCE, type="", time=0)


def cause_of(source: str, id: str) -> str:
    """`<source>#<id>`, shortened by a hash where it is longer than a contract's name may be."""
    cause = f"{source}#{id}"
    if len(cause) <= 128:
        return cause
    return f"{cause[:90]}~{blake2b(cause.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"


def handoff_of(key: str, rules: Rules, qualification: int) -> str:
    """The id of a lead's n-th handoff under the definition."""
    return handoff_id(key, rules.definition.name, qualification)


def timer_cause(name: str, due: int) -> str:
    """The cause that a timer is."""
    return f"timer:{name}@{due}"


def record(topic: str, key: str, kind: str, value: bytes, *, cause: str, at: int, part: str) -> Send:
    """A record of the scorer. Its id follows from type, key, cause and `part` (for several of one cause); its headers
    are those of `to_headers`, of parts that are mostly made once."""
    headers = (
        _CONTENT_TYPE,
        _SPECVERSION,
        ("ce_id", _id(kind, key, cause, part).encode()),
        _SOURCE,
        ("ce_type", kind.encode()),
        ("ce_time", format_time(at).encode()),
    )
    return Send(topic, key.encode(), value, headers)


def _id(kind: str, key: str, cause: str, part: str) -> str:
    material = f"{kind}|{key}|{cause}|{part}".encode(errors="surrogatepass")
    return blake2b(material, digest_size=16).hexdigest()


def rekeyed(original: Record, envelope: Envelope, key: str, at: int, recorded: int) -> Send:
    """The event under its owner's key: its own source, id and type, its time as clamped here, its position."""
    headers = (
        _CONTENT_TYPE,
        _SPECVERSION,
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_time", format_time(at).encode()),
        Origin("engagement.events", original.partition, original.offset).header(),
        (RECORDED_HEADER, str(recorded).encode()),
    )
    return Send("engagement.linked", key.encode(), envelope.data, headers)


def linked(person: str, root: str | None, *, at: int, evidence: str, cause: str, now: int) -> Send:
    """Evidence, to the identity it is about, that it belongs to `root`, or no longer to anybody."""
    value = Linked(person=person, root=root, at=format_time(at), cause=evidence).to_json()
    return record("engagement.linked", person, Linked.TYPE, value, cause=cause, at=now, part=root or "")


def published(publication: Publication, via: str, link: Link, *, cause: str, now: int) -> Send:
    """A profile for a root, or the word that it is taken back."""
    to, source, version, packed, handoff = publication
    data = Published(
        source=source,
        version=version,
        packed=None if packed is None else b64encode(packed).decode(),
        via=via,
        linked_at=format_time(link.at),
        link_cause=link.cause,
        handoff=handoff,
    )
    part = f"{source}|{version}|{packed is None}"
    return record("engagement.linked", to, data.TYPE, data.to_json(), cause=cause, at=now, part=part)


def recycled(root: str, data: LeadRecycled, *, cause: str, now: int) -> Send:
    """To whom a linked identity belongs: sales gave the handoff of the identity back, or took it up again."""
    part = f"{data.handoff}|{data.revoked}"
    return record("engagement.linked", root, data.TYPE, data.to_json(), cause=cause, at=now, part=part)


def stopped(source: str, handoff: str, reason: str, *, cause: str, now: int) -> Send:
    """To a linked identity: its handoff is void, because the person is no lead any more (H3)."""
    value = Stopped(person=source, handoff=handoff, reason=reason).to_json()
    return record("engagement.linked", source, Stopped.TYPE, value, cause=cause, at=now, part=f"{handoff}|{reason}")


def scored(key: str, person: Person, judgement: Judgement, *, cause: str, now: int) -> Send:
    """The lead's current truth: a LeadScored, written without building one, because grades change often."""
    lead = person.lead
    data: dict[str, object] = {
        "lead": key,
        "grade": judgement.grade,
        "fit": judgement.fit / 10,
        "engagement": judgement.engagement / 10,
        "score": judgement.score / 10,
        "qualified": lead.qualified,
        "ledger": ledger_content(judgement),
        "missing": []
        if lead.qualified
        else [*missing(judgement), *in_words(lead, judgement.rules, judgement.profiles, now)],
        "versions": judgement.rules.versions_content,
        "at": format_time(now),
        "reasons": top_reasons(judgement),
    }
    if lead.check_at is not None:
        data["next_change_at"] = format_time(lead.check_at)
    data["cause"] = cause
    # a repeat of the causing event, taken in later, may be judged anew: that is another truth, so another id
    return record("leads.scored", key, LeadScored.TYPE, ENCODER.encode(data), cause=cause, at=now, part=str(now))


def unscored(key: str) -> Send:
    """No lead any more: other systems forget its score."""
    return Send("leads.scored", key.encode(), None)


def qualified(key: str, person: Person, judgement: Judgement, *, cause: str, now: int, event_at: int) -> Send:
    """A LeadQualified, the n-th of a lead, with its story. `person.lead` already counts it."""
    lead, membership = person.lead, person.membership
    story = story_of(membership.story)
    owner = next((profile.facts.owner for profile in judgement.profiles if profile.facts and profile.facts.owner), None)
    standing = story.standing if story is not None else None
    rules, handoff = judgement.rules, handoff_of(key, judgement.rules, lead.qualification)
    data: dict[str, object] = {
        "lead": key,
        "handoff": handoff,
        "qualification": lead.qualification,
        "contact": contact_of(judgement.traits),
        "account": membership.account,
        "standing": standing,
        "owner": owner or (standing.owner if standing is not None else None),
        "grade": judgement.grade,
        "tier": tier_of(rules, judgement.grade),
        "fit": judgement.fit / 10,
        "engagement": judgement.engagement / 10,
        "score": judgement.score / 10,
        "dossier": dossier_of(judgement, story, lead),
        "signatures": [{"team": one.team, "by": one.by, "at": format_time(one.at)} for one in rules.signatures],
        "versions": rules.versions_content,
        "at": format_time(now),
        "event_at": format_time(event_at),
        "cause": cause,
    }
    value = ENCODER.encode({name: known for name, known in data.items() if known is not None})
    return record("leads.qualified", key, LeadQualified.TYPE, value, cause=cause, at=now, part=handoff)


def withdrawn(key: str, handoff: str, reason: str, *, cause: str, now: int, merged_into: str | None = None) -> Send:
    """The handoff is void (H3)."""
    data = LeadWithdrawn(lead=key, handoff=handoff, reason=reason, merged_into=merged_into, at=now, cause=cause)
    return record("leads.qualified", key, data.TYPE, data.to_json(), cause=cause, at=now, part=handoff)


def unmerged(key: str, handoff: str, *, cause: str, now: int) -> Send:
    """The lead is a person of its own again."""
    data = LeadUnmerged(lead=key, handoff=handoff, at=now, cause=cause)
    return record("leads.qualified", key, data.TYPE, data.to_json(), cause=cause, at=now, part=handoff)


def member(
    account: str,
    person: str,
    version: int,
    *,
    grade: str | None = None,
    job_title: str | None = None,
    engaged_at: int | None = None,
    removed: bool = False,
    cause: str,
    now: int,
) -> Send:
    """A person's summary for its account, or that it left."""
    data = Summary(
        account=account,
        person=person,
        version=version,
        grade=grade,
        job_title=job_title,
        engaged_at=None if engaged_at is None else format_time(engaged_at),
        removed=removed,
    )
    part = f"{person}|{version}"
    return record("accounts.members", account, data.TYPE, data.to_json(), cause=cause, at=now, part=part)


def signal(story: Story, *, cause: str, now: int) -> Send:
    """The account's story, for a member."""
    part = str(story.version)
    return record("accounts.signals", story.person, AccountSignal.TYPE, story.value, cause=cause, at=now, part=part)
