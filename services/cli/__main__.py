"""`python -m services.cli` is `baton`: what supervisors start, wherever the script was installed."""

from services.cli.main import run

run()
