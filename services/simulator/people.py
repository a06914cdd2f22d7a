"""Who lives in the simulated world: companies with several people each, and what nobody can see of them (their intent).

Everything follows from the seed. Names and domains are invented; `.example` domains can belong to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_COUNTRIES = {"DE": 26, "AT": 7, "CH": 7, "FR": 16, "GB": 16, "IE": 5, "US": 20, "PL": 3}
_REGIONS = {
    "DE": ("BY", "NW", "BW", "BE", "HH"), "AT": ("W", "ST"),
    "CH": ("ZH", "GE"), "FR": ("IDF", "ARA"), "GB": ("ENG", "SCT"),
    "IE": ("D", "C"), "US": ("CA", "NY", "TX", "MA", "WA"), "PL": ("MZ",),
}  # fmt: skip
_INDUSTRIES = {
    "software": 5,
    "manufacturing": 5,
    "logistics": 3,
    "retail": 3,
    "finance": 3,
    "education": 2,
    "public": 1,
}
_SIZES = ((8, 4), (35, 6), (120, 7), (480, 6), (1_900, 3), (9_000, 1))
_TITLES = {
    "VP Sales": ("vp", 1.3), "Head of Sales Operations": ("head", 1.5), "Marketing Director": ("director", 1.0),
    "CRM Manager": ("manager", 0.9), "Sales Manager": ("manager", 0.6), "Marketing Specialist": ("specialist", 0.0),
    "Software Engineer": ("specialist", -0.4), "Intern": ("intern", -1.4), "Student": ("student", -2.2),
}  # fmt: skip
_TITLE_WEIGHTS = (5, 6, 7, 10, 12, 22, 18, 8, 7)
_FIRST = (
    "Ada", "Ben", "Carla", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kim", "Lea", "Milan", "Nora",
    "Oskar", "Paula", "Quentin", "Rosa", "Sami", "Tilda", "Umar", "Vera", "Wanda", "Yann", "Zoe",
)  # fmt: skip
_LAST = (
    "Abel", "Brandt", "Costa", "Dubois", "Egger", "Fischer", "Garnier", "Huber", "Ivers", "Jansen", "Keller",
    "Lindt", "Moreau", "Novak", "Olsen", "Petit", "Quinn", "Richter", "Stern", "Thaler", "Ulrich", "Vogel",
    "Weiss", "Young", "Ziegler",
)  # fmt: skip
_STEMS = (
    "Alder", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granit", "Harbor", "Iris", "Juno", "Kestrel", "Lumen",
    "Merid", "Nimbus", "Onyx", "Pioneer", "Quartz", "Raven", "Sable", "Tundra", "Umbra", "Vector", "Willow", "Xenon",
    "Yarrow", "Zephyr",
)  # fmt: skip
_TAILS = ("Works", "Systems", "Group", "Logistics", "Foods", "Tools", "Media", "Energy", "Labs", "Partners")


@dataclass(frozen=True, slots=True)
class Company:
    """A company. `need` (hidden) is how much it wants what we sell, around 0."""

    name: str
    domain: str
    country: str
    region: str
    industry: str
    employees: int
    need: float


@dataclass(frozen=True, slots=True)
class Person:
    """A person. `intent` (hidden) is how near to buying, around 0; `calm` ones are slow to say who they are."""

    number: int
    company: Company
    first_name: str
    last_name: str
    job_title: str
    seniority: str
    intent: float
    calm: bool

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}.{self.number}@{self.company.domain}".lower()

    @property
    def anonymous_id(self) -> str:
        """The visitor id of the browser."""
        return f"visitor-{self.number:06d}"

    @property
    def traits(self) -> dict[str, str | int]:
        """What the person's forms and the enrichment say."""
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "job_title": self.job_title,
            "seniority": self.seniority,
            "company": self.company.name,
            "company_domain": self.company.domain,
            "country": self.company.country,
            "region": self.company.region,
            "industry": self.company.industry,
            "employees": self.company.employees,
        }


def population(number: int, random: Random) -> list[Person]:
    """`number` people, two to seven in a company; the first is the protagonist."""
    people = [protagonist()]
    while len(people) < number:
        company = _company(len(people), random)
        for _ in range(min(random.randint(2, 7), number - len(people))):
            people.append(_person(len(people), company, random))
    return people


def protagonist() -> Person:
    """The one whose life is told: a good lead whose first rep forgets her."""
    company = Company("Nordlicht Pumpen", "nordlicht-pumpen.example", "DE", "HH", "manufacturing", 420, 2.0)
    return Person(0, company, "Marta", "Lindqvist", "Head of Sales Operations", "head", 2.5, calm=True)


def _company(serial: int, random: Random) -> Company:
    name = f"{random.choice(_STEMS)} {random.choice(_TAILS)}"
    country = _weighted(_COUNTRIES, random)
    size = random.choices([size for size, _ in _SIZES], [weight for _, weight in _SIZES])[0]
    industry = _weighted(_INDUSTRIES, random)
    need = random.gauss(0, 0.7) + {"manufacturing": 0.5, "logistics": 0.4, "education": -0.8}.get(industry, 0.0)
    return Company(
        name=name,
        domain=f"{name.lower().replace(' ', '-')}-{serial}.example",
        country=country,
        region=random.choice(_REGIONS[country]),
        industry=industry,
        employees=max(1, round(size * random.uniform(0.6, 1.7))),
        need=need,
    )


def _person(number: int, company: Company, random: Random) -> Person:
    title = random.choices(list(_TITLES), _TITLE_WEIGHTS)[0]
    seniority, standing = _TITLES[title]
    return Person(
        number=number,
        company=company,
        first_name=random.choice(_FIRST),
        last_name=random.choice(_LAST),
        job_title=title,
        seniority=seniority,
        intent=0.6 * company.need + 0.5 * standing + random.gauss(0, 1.0),
        calm=random.random() < 0.6,
    )


def _weighted(choices: dict[str, int], random: Random) -> str:
    return random.choices(list(choices), list(choices.values()))[0]
