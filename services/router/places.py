"""One spelling for countries and regions, since leads arrive with "Germany", "de" and "US-CA" alike."""

from __future__ import annotations

from functools import cache

import pycountry

ELSEWHERE = ("BR", "JP", "IN", "ZA", "AU")


@cache
def _countries() -> dict[str, str]:
    found: dict[str, str] = {}
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name", "alpha_3", "alpha_2"):
            if spelled := getattr(country, field, None):
                found[spelled.casefold()] = country.alpha_2
    return found | {"uk": "GB", "usa": "US", "great britain": "GB", "england": "GB"}


@cache
def regions_of(country: str) -> dict[str, str]:
    """Code (without the country) by every known spelling, in lower case, of the parts of `country`."""
    found: dict[str, str] = {}
    for part in pycountry.subdivisions.get(country_code=country) or ():
        code = part.code.partition("-")[2]
        found.setdefault(part.name.casefold(), code)
        found[part.code.casefold()] = code
    for code in list(found.values()):
        found[code.casefold()] = code
    return found


def country_code(text: str | None) -> str | None:
    """ISO 3166-1 alpha-2 of a country however it is spelled, or None when it is none.

    >>> country_code(" germany"), country_code("DEU"), country_code("Atlantis")
    ('DE', 'DE', None)
    """
    return None if text is None else _countries().get(text.strip().casefold())


def region_code(country: str | None, text: str | None) -> str | None:
    """ISO 3166-2 code without the country, or None when `country` has no such part.

    >>> region_code("US", "California"), region_code("US", "us-ca"), region_code("DE", "CA")
    ('CA', 'CA', None)
    """
    if country is None or text is None:
        return None
    return regions_of(country).get(text.strip().casefold())
