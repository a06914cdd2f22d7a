"""The default engine. Until Faust's adapter stands, this is the plain one under its name."""

from services.runtime.kafka.aiokafka_engine import AiokafkaMember as FaustMember

__all__ = ["FaustMember"]
