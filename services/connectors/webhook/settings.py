"""Where a webhook's receiver is, what is sent to it, and how long it may fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, HttpUrl, model_validator

from services.connectors.settings import CallSettings
from services.connectors.webhook.addresses import is_private_literal

Kind = Literal[
    "routed", "withdrawn", "handed_over",
    "started", "warned", "breached", "reassigned", "escalated", "met", "closed", "skipped",
    "alert",
]  # fmt: skip
"""What happened to a lead: given to a rep, taken back, handed over to a seller, a step of its clock; or its account
spiked, and the owner is told."""

Pause = Annotated[float, Field(gt=0, le=86_400)]
SCHEDULE = [5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 28_800.0]
"""Ten pauses, 23 h 42 min in all; each gets up to a fifth longer, so that what failed at one time spreads."""


class WebhookSettings(CallSettings):
    """`connector: webhook`. Times in seconds, of the wall. `secret_files` holds one secret, or two while one takes over
    from the other: then each message bears both signatures."""

    connector: Literal["webhook"]
    url: HttpUrl
    secret_files: Annotated[list[Path], Field(min_length=1, max_length=2)]
    private_addresses: bool = Field(
        default=False, description="the receiver is in our own network: only there, and there even without https"
    )
    send: Annotated[list[Kind], Field(min_length=1)] = list(get_args(Kind))
    largest_body: Annotated[int, Field(ge=1024, le=1 << 20)] = Field(256 << 10, description="bytes of one message")
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    retries_s: Annotated[list[Pause], Field(min_length=1, max_length=50)] = Field(
        default=SCHEDULE, description="pauses before a message is sent again; after the last one it is a dead letter"
    )
    shut_after: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="so many failures in a row, whatever the message, and all wait while one probes"
    )
    disable_after_s: Annotated[float, Field(gt=0)] = Field(
        900.0, description="no message taken for so long, and at least `shut_after` failed: the receiver is disabled"
    )
    probe_every_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        900.0, description="how often one message probes a disabled receiver"
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.url.username or self.url.password:
            raise ValueError("url: holds a password: the receiver knows us by the signature, take it out")
        if self.url.fragment:
            raise ValueError("url: no server ever sees what follows the #: take it out")
        if self.url.scheme == "http" and not self.private_addresses:
            raise ValueError("url: must be https; http only with private_addresses: true, inside one's own network")
        if is_private_literal(self.url.host or "") is (not self.private_addresses):
            said = "is inside a private network: set private_addresses: true" if not self.private_addresses else (
                "is a public address: private_addresses: true allows none but private ones"
            )  # fmt: skip
            raise ValueError(f"url: {said}")
        return self
