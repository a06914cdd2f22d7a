"""How every client connects: one place turns settings into aiokafka's parameters."""

from __future__ import annotations

import ssl
from typing import Any

from baton_schemas.catalogue import OUTSIDE, SHADOW_SUFFIX
from services.runtime.errors import UserError
from services.runtime.settings import Settings


def connection(settings: Settings) -> dict[str, Any]:
    """Parameters for any aiokafka client. Raises UserError when no cluster is named or a certificate can't be read."""
    if not settings.kafka:
        raise UserError("BATON_KAFKA: not set", fix="name a cluster as host:port, or start one with: baton kafka start")
    parameters: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.endswith("SSL"):
        parameters["ssl_context"] = _context(settings)
    if settings.kafka_security.startswith("SASL"):
        parameters["sasl_mechanism"] = settings.kafka_sasl_mechanism
        parameters["sasl_plain_username"] = settings.kafka_user
        parameters["sasl_plain_password"] = settings.required_secret("kafka_password").decode()
    return parameters


def broker_name(settings: Settings, topic: str) -> str:
    """The name that the broker knows a catalogue topic by, or a group.

    In shadow everything is called otherwise but what the company itself writes: nobody who reads `leads.routed` hears
    of a lead that nobody was given.
    """
    suffix = SHADOW_SUFFIX if settings.shadow and topic not in OUTSIDE else ""
    return settings.topic_prefix + topic + suffix


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_cert_file is not None:
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file)
    except (OSError, ssl.SSLError) as error:
        files = "BATON_KAFKA_CA_FILE, BATON_KAFKA_CERT_FILE, BATON_KAFKA_KEY_FILE"
        raise UserError(f"{files}: {error.strerror or error}", fix="name readable PEM files") from error
    return context
