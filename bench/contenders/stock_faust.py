"""Faust as its documentation has it, one event at a time, state in a Table: `... BOOTSTRAP RUN SIGNALS FOLDER`.

Its changelog is written to the broker, but neither awaited nor atomic with anything: a weaker promise than the others'.
"""

from __future__ import annotations

import sys
from typing import Any

import faust

from bench.decay import EVENTS, Person, add, decode, pack, unpack
from bench.log import PARTITIONS

TABLE = "people"
BYTES = {"key_type": bytes, "value_type": bytes}
RAW = {**BYTES, "key_serializer": "raw", "value_serializer": "raw"}


def app(bootstrap: str, run: str, told: str, folder: str) -> Any:
    """The Faust app; its group and the prefix of its changelog are `run`."""
    made = faust.App(
        run,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=folder,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        table_standby_replicas=0,
        producer_acks=-1,
        producer_compression_type="zstd",
        web_enabled=False,
        autodiscover=False,
    )
    people = made.Table(TABLE, partitions=PARTITIONS, **BYTES)
    signals = made.topic(told, **RAW)

    @made.agent(made.topic(EVENTS, **RAW))  # type: ignore[untyped-decorator]
    async def score(stream: Any) -> None:
        async for key, value in stream.items():
            packed = people.get(key)
            person = unpack(packed) if packed is not None else Person()
            crossed = add(person, decode(value))
            people[key] = pack(person)
            if crossed:
                await signals.send(key=key, value=value)

    return made


if __name__ == "__main__":
    faust.Worker(app(*sys.argv[1:]), loglevel="WARNING").execute_from_commandline()
