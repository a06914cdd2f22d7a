"""Each way in which a CRM says no leads to the right next step."""

from __future__ import annotations

import email.utils
import time

import pytest

from services.connectors.errors import Conflict, CrmError, Failing, Unavailable
from services.connectors.http import LONGEST_RETRY_AFTER_S, failure, retry_after


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Unavailable, "unauthorized"), (403, Failing, "forbidden"), (404, Failing, "not_found"),
        (409, Conflict, "conflict"),
        (412, Conflict, "conflict"), (413, Failing, "too_large"), (423, Conflict, "conflict"),
        (429, Unavailable, "too_many_requests"), (400, Failing, "rejected"), (302, Failing, "rejected"),
        (500, Failing, "server_error"),
        (502, Unavailable, "away"), (503, Unavailable, "away"), (504, Unavailable, "away"),
    ],
)  # fmt: skip
def test_a_status_is_what_happens_next(status: int, kind: type[CrmError], code: str) -> None:
    found = failure(status, {}, "sale.opportunity.create")
    assert (type(found), found.code) == (kind, code)
    assert str(status) in str(found)


def test_too_fast_waits_as_long_as_the_crm_asks_for() -> None:
    found = failure(429, {"Retry-After": "7"}, "x")
    assert isinstance(found, Unavailable)
    assert found.retry_after_s == 7.0
    in_a_minute = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 55 < (retry_after({"Retry-After": in_a_minute}) or 0) <= 61
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({"Retry-After": "-3"}) == 0.0
    assert retry_after({"Retry-After": "1e12"}) == LONGEST_RETRY_AFTER_S
    assert retry_after({}) is None
