"""What a person may set about the embedded broker, from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.errors import UserError


class EmbeddedSettings(BaseSettings):
    """`BATON_CACHE`, `BATON_MAVEN_MIRROR`, `BATON_KAFKA_HEAP_MB`; unset or empty means the default."""

    model_config = SettingsConfigDict(env_prefix="BATON_", env_ignore_empty=True, extra="ignore", frozen=True)

    cache: Path | None = Field(default=None, description="where downloaded jars are kept between runs")
    maven_mirror: str = Field(default="", description="base URL of a Maven repository to use for the jars")
    kafka_heap_mb: int = Field(default=512, ge=192, description="Java heap of the embedded broker, in MB")

    def cache_dir(self) -> Path:
        """`BATON_CACHE`, else `baton` in the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`)."""
        if self.cache is not None:
            return self.cache.expanduser().absolute()
        home = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (home if home.is_absolute() else Path.home() / ".cache") / "baton"


def load_embedded() -> EmbeddedSettings:
    """Reads the environment. Raises `UserError` that names the first variable with a mistake."""
    try:
        return EmbeddedSettings()
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        variable = f"BATON_{'_'.join(map(str, problem['loc'])).upper()}"
        raise UserError(f"{variable}: {problem['msg']}", fix="correct the environment") from error
