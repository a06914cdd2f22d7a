"""What a CRM says, in a form that is the same for all of them. Ids and stages stay the CRM's own words."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """A note, call log or mail on a record. `by` is the user who wrote it, `at` when (wall ms, corrected for the CRM's
    clock)."""

    id: str
    text: str
    by: str | None
    at: int


class Deal(NamedTuple):
    """The record that stands for a handoff. `reference` is the handoff's id, empty for a record that is not ours.
    `revision` changes with every write: a write may be made conditional on it. `owner` is the person in sales, `by`
    the user who wrote last, `at` when (wall ms, corrected). `email` is the contact's address and `made_at` when it was
    made (0: not known), for deals that people made themselves."""

    id: str
    reference: str
    revision: str
    stage: str
    at: int
    owner: str | None = None
    by: str | None = None
    reason: str | None = None
    remarks: tuple[Remark, ...] = ()
    party: str | None = None
    email: str | None = None
    made_at: int = 0


class Stand(NamedTuple):
    """How one deal of a party stands: `reference` as on the deal, `at` when it was last written."""

    stage: str
    owner: str | None
    at: int
    reference: str = ""


class Party(NamedTuple):
    """A company or person of the CRM with all its deals, the newest last. `domains` are of its websites and mail
    addresses, `emails` the addresses."""

    id: str
    emails: tuple[str, ...]
    domains: tuple[str, ...]
    categories: tuple[str, ...]
    deals: tuple[Stand, ...]
    at: int


class Person(NamedTuple):
    """Somebody in sales, as the CRM knows him: `code` is a rep's id of config/teams.yaml, `users` are his log-ins.
    Who is not `active` any more gets nothing, but may still own something."""

    id: str
    code: str
    users: tuple[str, ...] = ()
    active: bool = True


class Card(NamedTuple):
    """What is written into the CRM for a handoff: to whom it belongs, whom it is about, and its story as text."""

    reference: str
    owner: str | None
    title: str
    story: str
    company: str | None
    domain: str | None
    name: str | None
    email: str | None
    phone: str | None
    job_title: str | None
    country: str | None
    due_at: int | None
    probability: float | None = None
