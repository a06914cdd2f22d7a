"""Baton's services: scorer, router and feedback meet on topics; runtime runs them; cli is the `baton` command."""
