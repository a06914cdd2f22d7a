"""`baton connector`: Baton and a CRM, each told what the other did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli.companion import end_with_parent
from services.cli.crm_verify import verify as verify_both
from services.cli.home import cluster, in_shadow
from services.cli.terminal import JsonOption, ShadowOption, out, run, say_json
from services.connectors.check import check as check_all
from services.connectors.crm import Crm, Finding
from services.connectors.errors import CrmError
from services.connectors.main import tryton as tryton_of
from services.connectors.read_only import ReadOnly
from services.connectors.settings import ConnectorSettings
from services.connectors.worker import run as work
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, EMPTY, active_set
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings, check_time

app = typer.Typer(
    no_args_is_help=True,
    help="Baton and a CRM, each told what the other did.\n\nExample: baton connector tryton tryton.yaml",
)
SettingsFile = Annotated[Path, typer.Argument(metavar="FILE", help="The connector's settings (YAML).")]


@app.command()
def tryton(file: SettingsFile = Path("config/connectors/tryton.yaml"), shadow: ShadowOption = False) -> None:
    """Put leads into Tryton as opportunities, and tell Baton what people do with them; until SIGTERM or Ctrl-C.

    Start a second one for safety: they share the leads. Exit codes are those of `baton worker`. With --shadow it only
    looks at what people do, writes nothing to Tryton, and tells `baton shadow report`.

    Example: baton connector tryton config/connectors/tryton.yaml
    """
    end_with_parent()
    config, crm = tryton_of(file)
    with cluster(start=False) as found:
        settings = in_shadow(found) if shadow else found
        check_time(settings, SystemClock().wall())
        logs.configure(settings.log_format, settings.log_level, processor=f"connector-{config.name}", pid=os.getpid())
        code = work(settings, config, crm)
    if code is not ExitCode.OK:
        raise typer.Exit(int(code))


@app.command()
def check(
    file: SettingsFile = Path("config/connectors/tryton.yaml"), shadow: ShadowOption = False, json: JsonOption = False
) -> None:
    """Look whether log-in, rights, stages, reasons and reps fit together; exits with 1 if something is missing. In
    shadow a user that only reads is enough.

    Example: baton connector check config/connectors/tryton.yaml
    """
    config, crm = tryton_of(file)
    with cluster() as found:
        settings = in_shadow(found) if shadow else found
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


async def _checked(settings: Settings, config: ConnectorSettings, crm: Crm) -> list[Finding]:
    async with LogClient(settings) as client:
        table = {record.key or b"": record.value async for record in client.read(CONFIG_TOPIC)}
    known = {key: value for key, value in table.items() if value is not None}
    active = active_set(Globals({CONFIG_TOPIC: known}, {CONFIG_TOPIC: len(table)}))
    return await check_all(config, crm, None if active is EMPTY else active)
