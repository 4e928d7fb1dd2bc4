"""The log of another process of this machine, over the socket that it listens on."""

from pipeline.log.served.log import ServedLog

__all__ = ["ServedLog"]
