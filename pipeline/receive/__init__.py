"""The HTTP receiver: verify, append to the log, answer. Nothing is parsed before it is safe."""

from pipeline.receive.access import Access, Role, TrustedProxy, token_digest
from pipeline.receive.appending import Appender
from pipeline.receive.application import application
from pipeline.receive.configuration import ReceiverSettings, SourceSecurity, refusal_to_listen
from pipeline.receive.keeping import KeyRing
from pipeline.receive.limits import Limits
from pipeline.receive.serving import CannotListen, Server

__all__ = [
    "Access",
    "Appender",
    "CannotListen",
    "KeyRing",
    "Limits",
    "ReceiverSettings",
    "Role",
    "Server",
    "SourceSecurity",
    "TrustedProxy",
    "application",
    "refusal_to_listen",
    "token_digest",
]
