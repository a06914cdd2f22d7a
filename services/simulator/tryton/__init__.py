"""A real CRM for tests and the demo: a Tryton server of our own, a company in it, and reps who work in it.

Tryton is under GPL-3. It lives in an environment of its own and is talked to over the wire, never imported.
"""
