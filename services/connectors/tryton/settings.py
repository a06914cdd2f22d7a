"""Where the Tryton is, and as whom we work in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl

from baton_schemas.contract import Name
from services.connectors.settings import ConnectorSettings


class TrytonSettings(ConnectorSettings):
    """`connector: tryton`. The password stands in a file of its own; `company` is needed where there are several."""

    connector: Literal["tryton"]
    url: HttpUrl
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$")]
    user: Name
    password_file: Path
    company: Annotated[int, Field(ge=1)] | None = None
    connections: Annotated[int, Field(ge=1, le=100)] = Field(2, description="more only make each of them slower")
    timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(35.0, description="Tryton itself waits 30 s for a lock")
