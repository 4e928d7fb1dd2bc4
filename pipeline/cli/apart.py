"""What a command can't do, or not without a setting, where the log is a cluster's."""

from __future__ import annotations

from typing import NoReturn

from pipeline.cli.exits import Exit, Problem
from pipeline.persons import KEY_BYTES, Persons
from pipeline.settings import Settings


class Keyless(Persons):
    """No secret: whoever needs no token goes on without one."""

    def __init__(self) -> None:
        super().__init__(bytes(KEY_BYTES))

    def person_token(self, login: str) -> NoReturn:
        """Refuse: with a secret of this machine, one person would have two tokens."""
        raise Problem(
            "AFTERMERGE_PERSON_KEY is not set, and persons can't be told from each other without it",
            hint="set it to the one that `receive` and `normalize` have: one person has one token then",
            code=Exit.USAGE,
        )


def refuse_on_a_cluster(settings: Settings, what: str, instead: str) -> None:
    """Raise ``Problem`` where the log is a cluster's: ``what`` is not done there, ``instead`` is advice."""
    if settings.kafka_bootstrap:
        raise Problem(
            f"{what}: AFTERMERGE_KAFKA_BOOTSTRAP is set, so the log is a cluster's",
            hint=instead,
            code=Exit.USAGE,
        )
