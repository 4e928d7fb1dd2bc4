"""The schema registry: which schema the four bytes in front of a value mean, for us and for others."""

from pipeline.registry.client import Registry, RegistrySettings, RegistryUnavailable
from pipeline.registry.lookup import Known, NotRegistered, known
from pipeline.registry.registering import Registered, SchemaRefused, differences, register

__all__ = [
    "Known",
    "NotRegistered",
    "Registered",
    "Registry",
    "RegistrySettings",
    "RegistryUnavailable",
    "SchemaRefused",
    "differences",
    "known",
    "register",
]
