"""The programs of the bare comparison, each run as a process of its own: `python -m bench.contenders.<name> ...`."""
