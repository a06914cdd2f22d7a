"""Baton's numbers, measured side by side: `python -m bench`, or `make bench`."""
