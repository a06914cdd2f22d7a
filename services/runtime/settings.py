"""Every setting of a Baton process, from the environment (`BATON_...`) or from files for secrets; checked at start.

Secrets are read from the file that `BATON_<NAME>_FILE` names, or from the variable itself; they are never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.clock import TimeScale
from services.runtime.errors import UserError

Port = Annotated[int, Field(ge=0, le=65535)]
Milliseconds = Annotated[int, Field(gt=0)]
_YEAR_2000, _YEAR_2200 = 946_684_800_000, 7_258_118_400_000


class Settings(BaseSettings):
    """One flat, typed object. `load()` is the way in: it turns a mistake into one line with the variable's name."""

    model_config = SettingsConfigDict(env_prefix="BATON_", extra="ignore", frozen=True)

    # where the log is
    kafka: str = Field("", description="host:port[,host:port] of an existing cluster; empty: the embedded broker")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_password_file: Path | None = None
    kafka_ca_file: Path | None = None
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="keeps tenants or stages apart")
    shadow: bool = Field(False, description="decides beside the CRM and assigns nothing; own topics end in .shadow")
    partitions: Annotated[int, Field(ge=1, le=1000)] = 24
    replication: Annotated[int, Field(ge=1, le=5)] = 1
    data_dir: Path = Field(Path(".baton"), description="embedded broker's data and what `up` remembers")

    # identity
    person_key_secret: SecretStr = SecretStr("")
    person_key_secret_file: Path | None = None
    person_key_id: str = Field("k1", pattern=r"^[a-z0-9]{1,8}$")

    # time
    clock_rate: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    clock_anchor: int = Field(0, ge=0, description="wall ms where a fast clock starts; needed when the rate is not 1")

    # group membership and engine
    engine: Literal["faust", "aiokafka"] = "faust"
    session_timeout_ms: Milliseconds = 12_000
    heartbeat_ms: Milliseconds = 3_000
    max_batch: Annotated[int, Field(ge=1, le=100_000)] = Field(1000, description="records one batch may hold")
    max_batch_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    lane_queue: Annotated[int, Field(ge=1)] = Field(2, description="fetched chunks of up to 1 MB that wait in one lane")
    max_hold_ms: Milliseconds = Field(60_000, description="longest a due timer waits for its partition to be read up")
    journal_compaction_lag_ms: Annotated[int, Field(ge=0)] = 3_600_000
    journal_batch_bytes: Annotated[int, Field(ge=1024, le=1_000_000)] = 900_000
    watchdog_ms: Milliseconds = Field(120_000, description="no progress for so long while there is lag: exit")

    # operating
    http_host: str = "127.0.0.1"
    http_port: Port = Field(0, description="/livez, /readyz, /metrics; 0 picks a free port")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.clock_rate != 1.0 and not self.clock_anchor:
            raise ValueError("BATON_CLOCK_ANCHOR: needed when BATON_CLOCK_RATE is not 1 (wall milliseconds)")
        if self.heartbeat_ms * 3 > self.session_timeout_ms:
            raise ValueError("BATON_HEARTBEAT_MS: must be at most a third of BATON_SESSION_TIMEOUT_MS")
        if self.watchdog_ms < 2 * self.session_timeout_ms:  # a dead worker's partitions stand still for a session
            raise ValueError("BATON_WATCHDOG_MS: must be at least twice BATON_SESSION_TIMEOUT_MS")
        return self

    @property
    def scale(self) -> TimeScale:
        """The time scale all processes of one system share."""
        return TimeScale(self.clock_anchor, self.clock_rate)

    def secret(self, name: str) -> bytes:
        """The secret `name`, from its file if one is named. Empty when not set; a UserError when unreadable."""
        path: Path | None = getattr(self, f"{name}_file")
        if path is None:
            value: SecretStr = getattr(self, name)
            return value.get_secret_value().encode()
        try:
            return path.read_bytes().strip()
        except OSError as error:
            variable = f"BATON_{name.upper()}_FILE"
            raise UserError(f"{variable}: {path}: {error.strerror}", fix="name a readable file") from error

    def required_secret(self, name: str) -> bytes:
        """The secret `name`, or a UserError that names the variable."""
        value = self.secret(name)
        if not value:
            variable = f"BATON_{name.upper()}"
            raise UserError(f"{variable}: not set", fix=f"set {variable} or {variable}_FILE")
        return value


def load(**overrides: object) -> Settings:
    """Reads the environment. Raises UserError, one problem a line, each with its variable's name."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_input=False, include_url=False):
            where = "_".join(str(part) for part in problem["loc"]).upper()
            text = problem["msg"].removeprefix("Value error, ")
            problems.append(f"BATON_{where}: {text}" if where else text)
        raise UserError("\n".join(problems), fix="correct the environment") from error


def check_time(settings: Settings, wall: int) -> None:
    """Raises UserError when the settings make Baton's clock show, at `wall` (ms), a time that nobody lives in."""
    if not _YEAR_2000 <= settings.scale.at(wall) < _YEAR_2200:
        raise UserError(
            f"BATON_CLOCK_ANCHOR: {settings.clock_anchor} with BATON_CLOCK_RATE {settings.clock_rate:g} makes it a "
            "time that nobody lives in",
            fix="name the wall milliseconds at which the fast clock starts",
        )
