"""A lead's story as a rep reads it in the CRM: who, why it is good, why this rep, by when; and what an owner reads of
an account that spiked. Plain text, bounded."""

from __future__ import annotations

from textwrap import wrap

from baton_schemas.alerts import AccountAlert, EngagementSpiked, OwnedAs
from baton_schemas.contract import format_time
from baton_schemas.leads import Contact, Dossier, Engaged, Interest, LedgerLine, Touch
from baton_schemas.routing import LeadRouted
from services.connectors.deal import Card
from services.connectors.settings import PLACEHOLDER

LONGEST_STORY = 8_000
LONGEST_WORD = 200
_LONGEST_LINE = 600
_MOST_ENGAGED = 5
_OWNED_AS: dict[OwnedAs, str] = {
    "handoff": "your open lead",
    "customer": "your customer",
    "open_opportunity": "your open opportunity",
    "account_owner": "your account",
    "lead_owner": "your contact",
}
_PROBABILITY = {"A": 0.6, "B": 0.4, "C": 0.25, "D": 0.1}


def card(routed: LeadRouted, owner: str | None, template: str) -> Card:
    """The card of a handoff for `owner` (the CRM's id of the rep)."""
    contact = routed.qualified.contact
    return Card(
        reference=routed.handoff,
        owner=owner,
        title=_cut(PLACEHOLDER.sub(lambda found: _words(routed)[found[1]], template), LONGEST_WORD),
        story=story(routed),
        company=_name(contact.company),
        domain=_name(contact.company_domain),
        name=_full_name(contact),
        email=_name(contact.email),
        phone=_name(contact.phone),
        job_title=_name(contact.job_title),
        country=_name(contact.country),
        due_at=routed.clock.due_at,
        probability=_PROBABILITY.get(routed.qualified.grade[:1]),
    )


def story(routed: LeadRouted) -> str:
    """Everything that the dossier says, in lines of text; what does not fit is cut, and the last line says so."""
    qualified, dossier = routed.qualified, routed.qualified.dossier
    lines = [
        f"Grade {qualified.grade}, {qualified.score:.1f} points ({qualified.tier}).",
        f"First touch due {format_time(routed.clock.due_at)[:16].replace('T', ' ')} UTC.",
        f"For {routed.rep}: {routed.decision.reason.replace('_', ' ')}.",
        *([f"Persona: {dossier.persona}."] if dossier.persona else []),
        *_sales_qualified(routed),
        "",
        "Why it is good",
        *(_ledger(line) for line in sorted(dossier.ledger, key=lambda line: -line.points) if line.points),
        *(f"  {text}" for text in dossier.evidence),
    ]
    if dossier.notes:
        lines += [
            "",
            "What they told us",
            *(f"  {name.replace('_', ' ')}: {said}" for name, said in dossier.notes.items()),
        ]
    if dossier.engaged:
        lines += ["", "What they did, newest first"]
        lines += [_engaged(each) for each in dossier.engaged]
        lines += [f"  and {dossier.engaged_cut} older"] if dossier.engaged_cut else []
    if dossier.interests:
        lines += ["", "Interested in"]
        lines += [f"  {each.topic}{_stage(each)}, last {_day(each.latest_at)}" for each in dossier.interests]
    lines += _campaigns(dossier)
    if dossier.colleagues:
        lines += ["", "Colleagues who are interested, too"]
        lines += [f"  {each.job_title or 'job not known'}, grade {each.grade}" for each in dossier.colleagues]
    signers = ", ".join(f"{each.by} for {each.team}" for each in qualified.signatures)
    versions = qualified.versions
    lines += ["", f"Definition {versions.definition} v{versions.definition_version}, signed by {signers}."]
    return _bounded([_cut(clean(line), _LONGEST_LINE) for line in lines])


def alert_text(alert: AccountAlert) -> str:
    """What the owner of an account or lead reads of a spike: what happened, who it was, why; the same text for the same
    alert, so that it is said once."""
    spike, contact = alert.spike, alert.spike.contact
    company = _name(contact.company) or _name(contact.company_domain) or "company not known"
    who = [_full_name(contact), _name(contact.job_title), _name(contact.email), _name(contact.phone)]
    lines = [
        f"Baton: {company} ({_OWNED_AS[alert.owned_as]}) {_risen(spike)}. (alert of {format_time(spike.at)[:16]}Z)",
        f"Who: {', '.join(part for part in who if part) or 'name not known'}; grade {spike.grade}.",
    ]
    if len(spike.people) > 1:
        people = (f"{each.job_title or 'job not known'} {each.points:g}" for each in spike.people)
        lines.append(f"Points by person: {'; '.join(people)}.")
    lines.append("Why:")
    lines += [_ledger(line) for line in sorted(spike.dossier.ledger, key=lambda line: -line.points) if line.points > 0]
    lines += [f"  {text}" for text in spike.dossier.evidence]
    if spike.dossier.engaged:
        lines.append("What they did, newest first:")
        lines += [_engaged(each) for each in spike.dossier.engaged[:_MOST_ENGAGED]]
    return _bounded([_cut(clean(line), _LONGEST_LINE) for line in lines])


def _risen(spike: EngagementSpiked) -> str:
    if spike.kind == "grade":
        return f"rose to grade {spike.grade}" + (f" from {spike.previous_grade}" if spike.previous_grade else "")
    enough = f"{spike.threshold or 0:g} are worth a word"
    return f"has {spike.points or 0:g} points of the last {spike.within_days} days ({enough})"


def clean(text: str) -> str:
    """Text that any CRM can store: one line, without control characters. Markup stays what it is, text."""
    return "".join(letter if letter.isprintable() else " " for letter in text).rstrip()


def _sales_qualified(routed: LeadRouted) -> list[str]:
    """In the second of two stages: who qualified the lead, and what he wrote, the newest first."""
    told = routed.qualified.dossier.sales_qualified
    if told is None:
        return []
    lines = ["", f"Qualified by {told.rep or 'sales'} on {_day(told.at)} (handoff {told.handoff})"]
    for note in reversed(told.notes):
        by = f" by {note.channel}" if note.channel else ""
        text = f"{_day(note.at)}  {note.rep or 'sales'}, {note.kind.replace('_', ' ')}{by}: {clean(note.text)}"
        lines += wrap(text, _LONGEST_LINE, initial_indent="  ", subsequent_indent="    ")
    return [*lines, f"  and {told.notes_cut} older notes"] if told.notes_cut else lines


def _engaged(each: Engaged) -> str:
    return f"  {_day(each.at)}  {each.action.replace('_', ' ')} {each.subject or each.topic or ''}"


def _stage(interest: Interest) -> str:
    times = f" ({interest.times} times)" if interest.times > 1 else ""
    return (f", {interest.stage}" if interest.stage else "") + times


def _campaigns(dossier: Dossier) -> list[str]:
    first, last = dossier.first_touch, dossier.last_touch
    if first is None or last is None:
        return ["", f"Campaign: {dossier.campaign}"] if dossier.campaign else []
    lines = ["", f"Came by {_touch(last)}"]
    return lines if first == last else [*lines, f"First by {_touch(first)}"]


def _touch(touch: Touch) -> str:
    said = ", ".join(each for each in (touch.campaign, touch.source, touch.medium) if each)
    return f"{said} on {_day(touch.at)}" + (f" (ask {touch.owner})" if touch.owner else "")


def _ledger(line: LedgerLine) -> str:
    when = "" if line.latest_at is None else f", last {_day(line.latest_at)}"
    times = f" ({line.count} times{when})" if line.count > 1 else f" ({when.removeprefix(', ')})" if when else ""
    return f"  {line.points:+.1f}  {line.label}{times}"


def _words(routed: LeadRouted) -> dict[str, str]:
    """The words that a title may use."""
    qualified, contact = routed.qualified, routed.qualified.contact
    match = routed.decision.match
    return {
        "company": _name(contact.company) or _name(contact.company_domain) or "company not known",
        "contact": _full_name(contact) or "name not known",
        "job_title": _name(contact.job_title) or "job not known",
        "country": contact.country or "country not known",
        "grade": qualified.grade,
        "tier": qualified.tier,
        "score": f"{qualified.score:.1f}",
        "territory": "" if match is None else match.territory,
        "team": routed.team,
        "due": format_time(routed.clock.due_at)[:16].replace("T", " "),
        "handoff": routed.handoff,
        "stage": routed.stage or "",
    }


def _full_name(contact: Contact) -> str | None:
    return _name(" ".join(part for part in (contact.first_name, contact.last_name) if part))


def _name(text: str | None) -> str | None:
    """A name as people typed it, in bounds; nothing where it is blank."""
    return (_cut(clean(text).strip(), LONGEST_WORD) or None) if text else None


def _day(at: int) -> str:
    return format_time(at)[:10]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _bounded(lines: list[str]) -> str:
    kept: list[str] = []
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > LONGEST_STORY:
            kept.append(f"({len(lines) - number} more lines: baton explain tells the rest)")
            break
        kept.append(line)
    return "\n".join(kept).strip()
