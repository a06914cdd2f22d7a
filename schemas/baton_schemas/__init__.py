"""The contracts of Baton: what travels on every topic, for people who publish events or write connectors."""

__version__ = "0.1.0"
