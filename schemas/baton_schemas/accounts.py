"""Between a person and the account (company): members' summaries one way, the account's story the other."""

from __future__ import annotations

from typing import ClassVar

from baton_schemas.contract import Contract, Count, Name, Part, Text, Time
from baton_schemas.crm import AccountStanding


class MemberChanged(Contract):
    """A person's summary for the account (the record's key), sent when grade, role or membership changes."""

    TYPE: ClassVar[str] = "baton.account.member.v1"

    account: Name
    person: Name
    version: Count
    grade: Name | None = None
    job_title: Text | None = None
    engaged_at: Time | None = None
    removed: bool = False


class Colleague(Part):
    """Another engaged person of the same account, without name or address."""

    person: Name
    grade: Name
    job_title: Text | None = None
    engaged_at: Time | None = None


class AccountSignal(Contract):
    """What a person (the record's key) should know of its account: standing in the CRM, engaged colleagues."""

    TYPE: ClassVar[str] = "baton.account.signal.v1"

    account: Name
    person: Name
    version: Count
    standing: AccountStanding | None = None
    colleagues: list[Colleague] = []
