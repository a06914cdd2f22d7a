"""`baton worker`: one service in one process, for containers, `up` and the demo."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from services.cli.companion import end_with_parent
from services.cli.home import cluster, in_shadow
from services.cli.services import SERVICES, SHADOW, processor
from services.cli.terminal import ShadowOption
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.operating import Operating
from services.runtime.settings import check_time
from services.runtime.worker import run

app = typer.Typer()


@app.command()
def worker(
    service: Annotated[str, typer.Argument(help="scorer, router or feedback; in shadow also shadow.")],
    shadow: ShadowOption = False,
) -> None:
    """Run one service until SIGTERM or Ctrl-C: it drains, commits and leaves its group.

    Start as many of each as you like, on as many machines; partitions are shared out among them. The exit code says
    why it ended: 0 in good order, 2 a person has to fix something, 70 a bug (see `baton skip`), others: start it again.

    Example: BATON_KAFKA=kafka:9092 baton worker scorer
    """
    if service not in (*SERVICES, SHADOW):
        raise UserError(f"{service}: no service", fix=f"one of {', '.join(SERVICES)}")
    end_with_parent()
    with cluster(start=False) as found:
        settings = in_shadow(found) if shadow else found
        check_time(settings, SystemClock().wall())
        logs.configure(settings.log_format, settings.log_level, processor=service, pid=os.getpid())
        operating = Operating(service, settings)
        code = run(
            service,
            [processor(service, settings)],
            settings,
            observe=operating.observe,
            beside=operating.beside,
        )
    if code is not ExitCode.OK:
        raise typer.Exit(int(code))
