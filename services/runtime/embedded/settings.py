"""What a person may set about the embedded broker, from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class EmbeddedSettings(BaseSettings):
    """`BATON_CACHE`, `BATON_MAVEN_MIRROR`, `BATON_KAFKA_HEAP_MB`; unset means the default."""

    model_config = SettingsConfigDict(env_prefix="BATON_", env_ignore_empty=True, extra="ignore", frozen=True)

    cache: Path | None = Field(default=None, description="where downloaded jars are kept between runs")
    maven_mirror: str = Field(default="", description="base URL of a Maven repository to use for the jars")
    kafka_heap_mb: int = Field(default=512, ge=192, description="Java heap of the embedded broker, in MB")

    def cache_dir(self) -> Path:
        """`BATON_CACHE`, else `baton` in the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`)."""
        if self.cache is not None:
            return self.cache.expanduser().absolute()
        home = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "baton"
