"""The log as one SQLite file: durable topics without a broker, for one process."""

from pipeline.log.sqlite.log import SqliteLog

__all__ = ["SqliteLog"]
