"""Other people's names for what a person or company is like, brought to the names that the contracts use."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from services.cli.publishing.draft import scalars

PERSON = {
    "title": "job_title",
    "position": "job_title",
    "jobtitle": "job_title",
    "firstname": "first_name",
    "lastname": "last_name",
    "company_name": "company",
    "website": "company_domain",
    "domain": "company_domain",
    "state": "region",
    "employee_count": "employees",
    "number_of_employees": "employees",
    "company_size": "employees",
    "country_code": "country",
}
_OWN_OBJECTS = {"company": {"name": "company"}, "address": {}}
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def snake(name: str) -> str:
    """`Demo Requested` and `demoRequested` as `demo_requested`; empty when nothing is left.

    >>> snake("Email Link Clicked"), snake("firstName"), snake("total billed")
    ('email_link_clicked', 'first_name', 'total_billed')
    """
    return _NO_WORD.sub("_", _WORD_START.sub("_", name).lower()).strip("_")[:128]


def person_traits(given: dict[str, Any]) -> dict[str, Any]:
    """A person's traits under our names: `company` and `address` flattened, `name` split, country in two letters."""
    flat: dict[str, Any] = {}
    for name, value in given.items():
        own = snake(name)
        if isinstance(value, dict):
            if own in _OWN_OBJECTS:
                inner = {snake(part): item for part, item in value.items()}
                flat.update({_OWN_OBJECTS[own].get(part, PERSON.get(part, part)): x for part, x in inner.items()})
        elif own:
            flat[PERSON.get(own, own)] = value
    _split_name(flat)
    return _tidied(flat)


def account_traits(given: dict[str, Any]) -> dict[str, Any]:
    """A company's traits under our names: its `name` is the person's `company`."""
    flat = {snake(name): value for name, value in given.items() if not isinstance(value, dict)}
    if isinstance(address := given.get("address"), dict):
        flat.update({snake(name): value for name, value in address.items() if not isinstance(value, dict)})
    return _tidied({"company" if name == "name" else PERSON.get(name, name): value for name, value in flat.items()})


def _tidied(flat: dict[str, Any]) -> dict[str, Any]:
    if isinstance(country := flat.get("country"), str):
        flat["country"] = country_code(country)
    if isinstance(domain := flat.get("company_domain"), str):
        flat["company_domain"] = re.sub(r"^[a-z]+://(www\.)?|/.*$", "", domain.strip().lower())
    return scalars((name, value) for name, value in flat.items() if name and value is not None)


def _split_name(flat: dict[str, Any]) -> None:
    if isinstance(name := flat.get("name"), str) and "first_name" not in flat and "last_name" not in flat:
        first, _, last = name.strip().partition(" ")
        flat["first_name"] = first
        if last:
            flat["last_name"] = last
        del flat["name"]


@lru_cache(maxsize=1024)
def country_code(text: str) -> str:
    """The two letters of ISO 3166-1 for a code or an English name; what is not known stays as it is.

    >>> country_code("USA"), country_code("Germany"), country_code("de"), country_code("Atlantis")
    ('US', 'DE', 'DE', 'Atlantis')
    """
    import pycountry  # noqa: PLC0415 - slow to load, and most senders give the two letters

    try:
        found: str = pycountry.countries.lookup(text.strip()).alpha_2
    except LookupError:
        return text.strip()
    return found
