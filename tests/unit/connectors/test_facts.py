"""What the CRM knows of companies and people, without a name in any key."""

from __future__ import annotations

from baton_schemas.crm import AccountFacts, AccountStanding, PersonFacts
from baton_schemas.keys import sale_id
from services.connectors.deal import Party, Stand
from services.connectors.facts import Keys, company_domains, digest, facts, key_of, says_nothing
from tests.unit.connectors.deals import NOW, words

KEYS = Keys(b"secret", "k1")


def party(**fields: object) -> Party:
    known: dict[str, object] = {
        "id": "1", "emails": ("ada@acme.example",), "domains": (), "categories": (), "deals": (), "at": NOW,
    }  # fmt: skip
    return Party(**{**known, **fields})  # type: ignore[arg-type]


def both(found: Party) -> tuple[AccountFacts, PersonFacts]:
    account, person = facts(found, words(), KEYS, source="tryton", baton=lambda wall: wall)
    assert isinstance(account, AccountFacts)
    assert isinstance(person, PersonFacts)
    return account, person


def test_an_open_deal_a_customer_and_whose_they_are() -> None:
    deals = (Stand("won", "8", NOW - 500), Stand("converted", "7", NOW - 100), Stand("lost", "8", NOW))
    account, person = both(party(deals=deals))
    assert account.standing == AccountStanding(owner="ann", customer_since=NOW - 500, open_opportunity=True)
    assert person.owner == "ann"
    assert both(party(deals=(Stand("won", "8", NOW),)))[0].standing.owner == "ben"
    assert both(party(deals=(Stand("lead", "8", NOW),)))[0].standing == AccountStanding()


def test_what_became_of_a_lead_that_was_handed_over_is_said_by_the_record_of_who_sells() -> None:
    qualified = Stand("converted", "7", NOW - 500, "h1")
    assert both(party(deals=(qualified,)))[0].standing == AccountStanding(owner="ann", open_opportunity=True)
    for stage, standing in (
        ("lead", AccountStanding()),
        ("converted", AccountStanding(owner="ben", open_opportunity=True)),
        ("won", AccountStanding(owner="ben", customer_since=NOW)),
        ("lost", AccountStanding()),
    ):
        account, person = both(party(deals=(qualified, Stand(stage, "8", NOW, sale_id("h1")))))
        assert (account.standing, person.owner) == (standing, standing.owner)
    other = Stand("converted", "7", NOW - 100, "h2")
    assert both(party(deals=(qualified, Stand("lost", "8", NOW, sale_id("h1")), other)))[0].standing.open_opportunity


def test_labels_say_who_must_not_be_contacted_and_what_was_agreed_to() -> None:
    _, person = both(party(categories=("Do not contact", "Competitor", "Newsletter", "Golf")))
    assert (person.do_not_contact, person.disqualified) == (True, "competitor")
    assert [(each.purpose, each.source) for each in person.consents] == [("newsletter", "tryton")]


def test_keys_are_hashes_and_the_same_however_it_is_spelled() -> None:
    account, person = both(party(emails=("Ada@ACME.example",)))
    assert key_of(account) == KEYS.account("acme.example")
    assert key_of(person) == KEYS.person("ada@acme.example")
    assert "acme" not in account.to_json().decode() + person.to_json().decode()


def test_free_mail_hosts_are_no_company() -> None:
    assert company_domains(party(emails=("a@gmail.com", "b@web.de"), domains=("www.Acme.example",))) == ["acme.example"]


def test_what_was_said_is_known_by_its_digest_whenever_it_was_said() -> None:
    account, person = both(party(categories=("Newsletter",)))
    later_account, later_person = both(party(categories=("Newsletter",), at=NOW + 5))
    assert (digest(account), digest(person)) == (digest(later_account), digest(later_person))
    assert digest(both(party(categories=("Do not contact",)))[1]) != digest(person)
    assert says_nothing(account)
    assert not says_nothing(person)
