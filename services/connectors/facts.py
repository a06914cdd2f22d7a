"""What the CRM knows of companies and people, as Baton's facts: owner, customer, open deal, consent. Pure.

With two stages of sales a lead has two records. The BDR's stays where he left it for good, so what becomes of the deal
is read from the AE's alone: else the company would have an open opportunity for ever, and the BDR for its owner.

Keys are hashes, so this needs the person-key secret. Addresses at free mail hosts say nothing of a company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from baton_schemas.crm import AccountFacts, AccountStanding, Consent, PersonFacts
from baton_schemas.keys import account_key, person_key, sale_id
from services.connectors.deal import Party, Stand
from services.connectors.words import Words

FREE_MAIL = frozenset(
    {
        "aol.com", "fastmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net",
        "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com", "mail.ru", "me.com", "msn.com",
        "orange.fr", "outlook.com", "posteo.de", "proton.me", "protonmail.com", "qq.com", "t-online.de", "wanadoo.fr",
        "web.de", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.ru", "zoho.com",
    }
)  # fmt: skip
Fact = AccountFacts | PersonFacts


@dataclass(frozen=True, slots=True)
class Keys:
    """Turns identifiers into keys."""

    secret: bytes
    id: str

    def account(self, domain: str) -> str:
        """The key of a company."""
        return account_key(self.secret, self.id, domain)

    def person(self, email: str) -> str:
        """The key of a person."""
        return person_key(self.secret, self.id, "email", email)


def facts(party: Party, words: Words, keys: Keys, *, source: str, baton: Callable[[int], int]) -> list[Fact]:
    """All that is known of a party: one fact for each domain and each address, whole."""
    standing = words.mapping.standing
    at = baton(party.at)
    deals = _without_handed_over(party.deals)
    owner = _owner(deals, words)
    won = [deal.at for deal in deals if deal.stage in standing.customer]
    account = AccountStanding(
        owner=owner,
        customer_since=baton(min(won)) if won else None,
        open_opportunity=any(deal.stage in standing.open_opportunity for deal in deals),
    )
    found: list[Fact] = [
        AccountFacts(account=keys.account(domain), standing=account, at=at) for domain in company_domains(party)
    ]
    forbidden = any(each in standing.do_not_contact for each in party.categories)
    disqualified = next(
        (standing.disqualified[each] for each in party.categories if each in standing.disqualified), None
    )
    consents = [
        Consent(purpose=standing.consents[each], granted=True, source=source, at=at)
        for each in party.categories
        if each in standing.consents
    ]
    person = PersonFacts(
        person="-", owner=owner, do_not_contact=forbidden, disqualified=disqualified, consents=consents, at=at
    )
    found += [person.model_copy(update={"person": keys.person(email)}) for email in dict.fromkeys(party.emails)]
    return found


def company_domains(party: Party) -> list[str]:
    """The domains that stand for a company: of websites and addresses, without free mail hosts."""
    every = [*party.domains, *(email.rpartition("@")[2] for email in party.emails)]
    plain = (domain.casefold().removeprefix("www.").strip(".") for domain in every)
    return list(dict.fromkeys(domain for domain in plain if domain and domain not in FREE_MAIL))


def key_of(fact: Fact) -> str:
    """The record key of a fact."""
    return fact.account if isinstance(fact, AccountFacts) else fact.person


def digest(fact: Fact) -> str:
    """What a fact says, without when it was said: equal digests need not be told again."""
    said = fact.model_copy(update={"at": 0})
    if isinstance(said, PersonFacts):
        said = said.model_copy(update={"consents": [each.model_copy(update={"at": 0}) for each in said.consents]})
    return blake2b(said.to_json(), digest_size=16).hexdigest()


def says_nothing(fact: Fact) -> bool:
    """Whether a fact only says that nothing is known: not worth a record unless something was told before."""
    if isinstance(fact, AccountFacts):
        return fact.standing == AccountStanding()
    return not (fact.owner or fact.do_not_contact or fact.disqualified or fact.consents)


def _without_handed_over(deals: Sequence[Stand]) -> list[Stand]:
    """The deals but for those of BDRs that have an AE's record beside them."""
    references = {deal.reference for deal in deals}
    return [deal for deal in deals if not deal.reference or sale_id(deal.reference) not in references]


def _owner(deals: Sequence[Stand], words: Words) -> str | None:
    """The rep of the newest deal that counts; an open one goes before a won one."""
    standing = words.mapping.standing
    for stages in (standing.open_opportunity, standing.customer):
        owners: Iterable[str | None] = (deal.owner for deal in reversed(deals) if deal.stage in stages)
        for owner in owners:
            rep = None if owner is None else words.rep(owner)
            if rep is not None:
                return rep
    return None
