"""`baton connector`: Baton and a CRM, or whatever stands in for one, each told what the other did."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from services.cli.companion import end_with_parent
from services.cli.crm_verify import verify as verify_both
from services.cli.home import cluster, in_shadow
from services.cli.terminal import JsonOption, ShadowOption, out, run, say_json
from services.connectors.check import check as check_all
from services.connectors.crm import Crm, Finding
from services.connectors.drop.check import check as check_csv
from services.connectors.drop.settings import CsvSettings
from services.connectors.drop.worker import run as work_csv
from services.connectors.errors import CrmError
from services.connectors.main import csv_settings, webhook_settings, which
from services.connectors.main import tryton as tryton_of
from services.connectors.read_only import ReadOnly
from services.connectors.settings import ConnectorSettings
from services.connectors.webhook.check import check as check_webhook
from services.connectors.webhook.settings import WebhookSettings
from services.connectors.webhook.worker import run as work_webhook
from services.connectors.worker import run as work
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, EMPTY, ConfigSet, active_set
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings, check_time

app = typer.Typer(
    no_args_is_help=True,
    help="Baton and a CRM, each told what the other did.\n\nExample: baton connector tryton tryton.yaml",
)


def _file(given: Path) -> Path:
    """A connector's name stands for its file in config/."""
    return given if given.suffix or given.exists() else Path(f"config/connectors/{given}.yaml")


SettingsFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", callback=_file, help="The connector's settings (YAML); a name is config/connectors/NAME.yaml."
    ),
]


@app.command()
def tryton(file: SettingsFile = Path("config/connectors/tryton.yaml"), shadow: ShadowOption = False) -> None:
    """Put leads into Tryton as opportunities, and tell Baton what people do with them; until SIGTERM or Ctrl-C.

    Start a second one for safety: they share the leads. Exit codes are those of `baton worker`. With --shadow it only
    looks at what people do, writes nothing to Tryton, and tells `baton shadow report`.

    Example: baton connector tryton config/connectors/tryton.yaml
    """
    end_with_parent()
    config, crm = tryton_of(file)
    _work(config.name, lambda settings: work(settings, config, crm), shadow=shadow)


@app.command()
def webhook(file: SettingsFile = Path("config/connectors/webhook.yaml")) -> None:
    """Send leads, withdrawals and steps of their clocks to a URL, signed as standardwebhooks.com says; until SIGTERM.

    Start a second one for safety: they share the leads. SIGHUP takes up new secrets and tries a disabled receiver at
    once. Exit codes are those of `baton worker`.

    Example: baton connector webhook config/connectors/webhook.yaml
    """
    end_with_parent()
    config = webhook_settings(file)
    _work(config.name, lambda settings: work_webhook(_live(settings), config))


@app.command()
def csv(file: SettingsFile = Path("config/connectors/csv.yaml")) -> None:
    """Write leads into a folder as CSV files, and tell Baton what files dropped there say came of them; until SIGTERM.

    Start a second one on the same folder for safety: they share the leads. Exit codes are those of `baton worker`.

    Example: baton connector csv config/connectors/csv.yaml
    """
    end_with_parent()
    config = csv_settings(file)
    _work(config.name, lambda settings: work_csv(_live(settings), config))


@app.command()
def check(
    file: SettingsFile = Path("config/connectors/tryton.yaml"),
    shadow: ShadowOption = False,
    json: JsonOption = False,
    ping: Annotated[bool, typer.Option(help="Webhooks: send one signed message that tells nothing.")] = False,
) -> None:
    """Look whether log-in, rights, mapping and what else it needs fit together; exits with 1 if something is missing.

    In shadow a user that only reads is enough.

    Example: baton connector check webhook --ping
    """
    kind = which(file)
    if ping and kind != "webhook":
        raise UserError(f"--ping: {file} is no webhook", fix="leave it out")
    with cluster() as found:
        settings = in_shadow(found) if shadow else found
        if kind == "webhook":
            findings = run(_checked_webhook(settings, webhook_settings(file), ping))
        elif kind == "csv":
            findings = run(_checked_csv(settings, csv_settings(file)))
        else:
            config, crm = tryton_of(file)
            findings = run(_checked(settings, config, ReadOnly(crm) if settings.shadow else crm))
    if json:
        say_json([{"what": each.what, "ok": each.ok, "fix": each.fix} for each in findings])
    else:
        for each in findings:
            out().print(f"ok       {each.what}" if each.ok else f"missing  {each.what}: {each.fix}")
    if not all(each.ok for each in findings):
        raise typer.Exit(1)


@app.command()
def verify(file: SettingsFile = Path("config/connectors/tryton.yaml"), json: JsonOption = False) -> None:
    """Compare Baton's topics and the CRM, record by record; exits with 1 if they differ.

    What is under way while it looks may differ for a moment: run it again, or when things are quiet.

    Example: baton connector verify config/connectors/tryton.yaml
    """
    if (kind := which(file)) != "tryton":
        raise UserError(f"{file}: a {kind} holds no records to compare", fix="only baton connector tryton has them")
    config, crm = tryton_of(file)
    with cluster() as settings:
        if settings.shadow:
            raise UserError("in shadow there are no records of ours to compare", fix="baton shadow report")
        try:
            verdicts = run(verify_both(settings, config, crm))
        except CrmError as error:
            raise UserError(f"{config.name}: {error}", fix="baton connector check") from error
    if json:
        say_json([{"law": each.law, "looked_at": each.looked_at, "broken": list(each.broken)} for each in verdicts])
    else:
        for each in verdicts:
            out().print(each.text)
    if not all(each.holds for each in verdicts):
        raise typer.Exit(1)


def _work(name: str, run_it: Callable[[Settings], ExitCode], *, shadow: bool = False) -> None:
    """A connector as this process."""
    with cluster(start=False) as found:
        settings = in_shadow(found) if shadow else found
        check_time(settings, SystemClock().wall())
        logs.configure(settings.log_format, settings.log_level, processor=f"connector-{name}", pid=os.getpid())
        code = run_it(settings)
    if code is not ExitCode.OK:
        raise typer.Exit(int(code))


def _live(settings: Settings) -> Settings:
    """Raises UserError in shadow: nobody outside may take what is only tried for given."""
    if settings.shadow:
        raise UserError(
            "in shadow no lead goes out", fix="start it when Baton is live; until then: baton shadow report"
        )
    return settings


async def _checked_webhook(settings: Settings, config: WebhookSettings, send_ping: bool) -> list[Finding]:
    async with LogClient(settings) as client:
        return await check_webhook(config, client, send_ping=send_ping)


async def _checked_csv(settings: Settings, config: CsvSettings) -> list[Finding]:
    return check_csv(config, await _active(settings))


async def _checked(settings: Settings, config: ConnectorSettings, crm: Crm) -> list[Finding]:
    return await check_all(config, crm, await _active(settings))


async def _active(settings: Settings) -> ConfigSet | None:
    """The configuration in force; None when there is none."""
    async with LogClient(settings) as client:
        table = {record.key or b"": record.value async for record in client.read(CONFIG_TOPIC)}
    known = {key: value for key, value in table.items() if value is not None}
    active = active_set(Globals({CONFIG_TOPIC: known}, {CONFIG_TOPIC: len(table)}))
    return None if active is EMPTY else active
