"""What a CRM connector remembers between two starts: the CRM's record of each handoff, and what it saw there.

Internal to the connectors: one record per handoff and connector on `connectors.links`, in the partition of its lead.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from baton_schemas.contract import Contract, Count, Name, Part, Text, Time


class SeenDeal(Part):
    """The CRM's record as it was last seen or written, in the CRM's own words. `remarks` are the ids of those that were
    read, the newest last."""

    stage: Name
    owner: Name | None = None
    remarks: list[Name] = []
    accepted: bool = Field(default=False, description="whether a rep has taken it on before")
    opportunity: bool = Field(default=False, description="whether it has been an opportunity since it was last opened")


class Told(Part):
    """An event that follows from what was seen, whole: sent again byte for byte when nobody knows whether it was."""

    id: Name
    type: Name
    time: Time
    data: Annotated[str, Field(max_length=200_000, description="the event's data, as JSON")]


class ConnectorLink(Contract):
    """What a connector knows of one handoff. `version` is the highest that it carried out; `rep` who had the lead
    then. `told` is sent after this record is written, and again after a restart (equal ids, equal bytes).
    `unmapped` names what the CRM says and the mapping has no word for: it is looked at again at each start."""

    TYPE: ClassVar[str] = "baton.connector.link.v1"

    connector: Name
    lead: Name
    handoff: Name
    version: Count = 0
    withdrawn: bool = False
    record: Name | None = Field(default=None, description="the CRM's id")
    rep: Name | None = None
    owner: Name | None = Field(default=None, description="the CRM's id of that rep")
    seen: SeenDeal | None = None
    told: list[Told] = []
    reports: Count = Field(default=0, description="how many events it has told so far: part of their ids")
    unmapped: list[Text] = []
    at: Time


class ConnectorCursor(Contract):
    """Up to where a connector has read the CRM's changes, per partition of leads: what was seen before it and is not
    older than the overlap is read again."""

    TYPE: ClassVar[str] = "baton.connector.cursor.v1"

    connector: Name
    position: Text
    at: Time


class ConnectorWaiting(Contract):
    """A record of leads.routed or sla.events that a webhook's receiver did not take yet: where it stands, how often it
    failed, when it is due again. Those with no failures wait behind another of their lead."""

    TYPE: ClassVar[str] = "baton.connector.waiting.v1"

    connector: Name
    topic: Name
    offset: Count
    arrived: Time = Field(description="the order in which the records of a partition came")
    failures: Count = 0
    code: Name
    since: Time
    due: Time
    at: Time


class ConnectorEndpoint(Contract):
    """Whether a webhook's receiver is disabled, and why: `disabled` is the code of its last failure."""

    TYPE: ClassVar[str] = "baton.connector.endpoint.v1"

    connector: Name
    disabled: Name | None = None
    at: Time


class ConnectorFact(Contract):
    """Which fact of the CRM was told last under a key of crm.facts, so that only changes are told."""

    TYPE: ClassVar[str] = "baton.connector.fact.v1"

    connector: Name
    key: Name
    digest: Name
    at: Time


class ConnectorFile(Contract):
    """A CSV connector's last file of a topic's partition: the offsets of its first and last record. It is noted before
    the file is made, so that the same file is made again after a crash."""

    TYPE: ClassVar[str] = "baton.connector.file.v1"

    connector: Name
    topic: Name
    first: Count
    last: Count
    written: bool = False
    at: Time
