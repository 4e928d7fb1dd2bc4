"""Git clones -> changes, deployments and (when asked) incidents: ``read_history``, ``read_histories``."""

from pipeline.sources.git.command import (
    EmptyRepository,
    GitError,
    GitFailed,
    GitMissing,
    NotARepository,
    RepositoryRefused,
)
from pipeline.sources.git.history import AUTO, INCIDENT_KINDS, SHALLOW, GitOptions, History, Question, Report
from pipeline.sources.git.reading import read_histories, read_history

__all__ = [
    "AUTO",
    "INCIDENT_KINDS",
    "SHALLOW",
    "EmptyRepository",
    "GitError",
    "GitFailed",
    "GitMissing",
    "GitOptions",
    "History",
    "NotARepository",
    "Question",
    "Report",
    "RepositoryRefused",
    "read_histories",
    "read_history",
]
