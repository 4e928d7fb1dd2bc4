"""From settings and secrets to what the receiver and the parsers of ``aftermerge up`` are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.instants import machine_now, microseconds
from pipeline.cli.version import version
from pipeline.cli.wiring import Parts, persons_of
from pipeline.credentials import Credentials
from pipeline.live_settings import names
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.codec import Codec
    from pipeline.judging import Word
    from pipeline.log.protocol import Log
    from pipeline.normalize import Normalizer
    from pipeline.receive.access import Access
    from pipeline.receive.configuration import ReceiverSettings
    from pipeline.receive.keeping import KeyRing
    from pipeline.receive.verdicts import Judge, Said
    from pipeline.sources.deliveries import Delivery, Reader
    from pipeline.store import Store
    from pipeline.upkeep import Upkeep

#: a source may send so many times its rate at once
BURST = 10
MAPPINGS_MAX = 100


def receiver_of(
    settings: Settings,
    credentials: Credentials,
    access: Access,
    keys: KeyRing,
    mappings: Mapping[str, object],
) -> ReceiverSettings:
    from pipeline.receive.configuration import ReceiverSettings, SourceSecurity
    from pipeline.receive.limits import Limits
    from pipeline.sources.live import MAPPED, SOURCES

    schemes = {name: source.schemes for name, source in SOURCES.items()}
    schemes |= dict.fromkeys(mappings, MAPPED.schemes)
    opened = names(settings.open_sources)
    for name in (*credentials.secrets, *opened):
        if name not in schemes:
            raise ValueError(f"there is no source {name!r}: {', '.join(sorted(schemes))}")
    sources = {
        name: SourceSecurity(schemes[name], credentials.secrets.get(name, ()), open=name in opened)
        for name in (*credentials.secrets, *opened)
    }
    rate = settings.deliveries_per_second_max
    return ReceiverSettings(
        sources=sources,
        workspaces=frozenset({settings.workspace, *names(settings.workspaces)}),
        access=access,
        limits=Limits(
            body_bytes_max=settings.delivery_bytes_max,
            inflated_bytes_max=settings.delivery_bytes_max,
            bodies_bytes_max=max(Limits().bodies_bytes_max, 4 * settings.delivery_bytes_max),
            deliveries_per_second=rate,
            deliveries_burst=BURST * rate,
        ),
        keys=keys,
        shown=settings.shown,
    )


def access_of(settings: Settings, credentials: Credentials) -> Access:
    from pipeline.receive.access import Access, Role, TrustedProxy, networks, token_digest

    tokens = {
        token_digest(token): Role(role) for role, values in credentials.tokens.items() for token in values
    }
    proxies = names(settings.trusted_proxies)
    proxy = None
    if proxies:
        # the proxy names the role itself: it has asked who the person is
        proxy = TrustedProxy(
            settings.proxy_role_header,
            networks(proxies),
            {str(role): role for role in Role},
            default=None,
            person_header=settings.proxy_person_header,
        )
    persons = {token_digest(token): login for token, login in credentials.persons.items()}
    return Access(tokens, proxy, persons)


def reader_of(
    settings: Settings, person_token: Callable[[str], str], mappings: Mapping[str, object]
) -> Reader:
    from pipeline.sources.deliveries import Reader
    from pipeline.sources.texts import Patterns

    patterns = Patterns(
        emergency_labels=names(settings.emergency_labels),
        emergency_text=settings.emergency_pattern,
        incidents=settings.incident_pattern,
        sections=settings.section_patterns,
        reverts=settings.revert_pattern,
    )
    labels = frozenset(label.casefold() for label in names(settings.incident_labels))
    return Reader(person_token, patterns, labels, mappings)


def mappings_of(directory: Path | None) -> dict[str, object]:
    """Every ``<source>.yaml`` of the directory, checked; raises ``ValueError`` naming file and rule."""
    from pipeline.sources.live import SOURCES
    from pipeline.sources.mapping import load_mapping

    if directory is None:
        return {}
    try:
        files = sorted(directory.glob("*.yaml"))[: MAPPINGS_MAX + 1]
        if len(files) > MAPPINGS_MAX:
            raise ValueError(f"{directory}: more than {MAPPINGS_MAX} mappings")
        found: dict[str, object] = {}
        for file in files:
            if "_" in file.stem:
                raise ValueError(
                    f"{file}: call it {file.stem.replace('_', '-')}.yaml: names of sources have no _"
                )
            if file.stem in SOURCES:
                raise ValueError(f"{file}: {file.stem} is a source already: give the file another name")
            found[file.stem] = load_mapping(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise ValueError(f"{directory}: mappings can't be read: {error.strerror}") from None
    if not found:
        raise ValueError(f"{directory}: there is no mapping (*.yaml) in it")
    return found


def judge_of(
    settings: Settings,
    log: Log,
    codec: Codec,
    store: Store,
    wake: Callable[[], None] = lambda: None,
) -> Judge:
    """Takes verdicts of people in by the rules of ``aftermerge verdict``; ``wake`` who makes rows of them."""
    from pipeline.core.parameters import DAY
    from pipeline.judging import NothingToRetract, UnknownName, WrongWord, judged, keep, waits_for_rebuild
    from pipeline.log.protocol import LogUnavailable
    from pipeline.persons import KnownPersons
    from pipeline.receive.problems import Problem
    from pipeline.receive.verdicts import Given
    from pipeline.store import StoreUnavailable

    horizon = settings.horizon_days * DAY

    def judge(workspace: str, said: Said, login: str) -> Given:
        # of its own each time: the one of the steps is for their thread alone, and nobody is to be remembered
        persons = KnownPersons(persons_of(settings), log)
        try:
            events = judged(
                store,
                workspace,
                _word_of(said),
                persons.person_token,
                login,
                said_at=machine_now(),
                horizon=horizon,
            )
            waits = waits_for_rebuild(store, workspace, events, horizon)
            keep(log, codec, workspace, persons, events)
        except WrongWord as error:
            raise Problem(422, str(error)) from None
        except UnknownName as error:
            like = f"most like it: {', '.join(error.like)}" if error.like else "there is none yet"
            raise Problem(404, f"{error}; {like}") from None
        except NothingToRetract as error:
            stands = ", ".join(error.standing) or "no word of that kind"
            raise Problem(404, f"{error}; what stands: {stands}") from None
        except StoreUnavailable as error:
            raise LogUnavailable(str(error)) from error
        wake()
        return Given([event.id for event in events], waits)

    return judge


def _word_of(said: Said) -> Word:
    from msgspec import UNSET

    from pipeline.judging import Word

    return Word(
        incident=said.incident,
        because=said.because,
        cause=said.change or "",
        merge_into=said.merge_into or "",
        onset_at=None if said.onset is UNSET else microseconds(said.onset),
        ignore_deployment=said.ignore_deployment or "",
        retracted=said.retract,
    )


def unsealer_of(keys: KeyRing) -> Callable[[bytes], Delivery]:
    from pipeline.core.events import InvalidEvent
    from pipeline.receive.keeping import Unreadable

    def unseal(record: bytes) -> Delivery:
        try:
            return keys.open_(record)
        except Unreadable as error:
            raise InvalidEvent(str(error)) from None

    return unseal


def upkeep_of(parts: Parts, normalizer: Normalizer, unseal: Callable[[bytes], Delivery]) -> Upkeep:
    """What looks after the directory that this process holds."""
    from pipeline.log.sqlite import SqliteLog
    from pipeline.upkeep import Upkeep

    assert isinstance(parts.log, SqliteLog)  # whoever follows another process asks that one
    return Upkeep(
        parts.log,
        parts.store,
        parts.persons,
        normalizer,
        unseal,
        reader=lambda: reader_of(parts.settings, parts.person_token, mappings_of(parts.settings.mappings)),
        version=version(),
    )


def host_of(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
