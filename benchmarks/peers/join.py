"""The join that all contestants make, on any store of keys and values: the runtimes differ, this does not.

A change is known by its commit, a commit by the deploy tag of what was built from it, and a deployment is
suspected of every incident of its service and environment that is detected within the window after it.
Whichever side comes second completes a row; the same events in any order end in the same rows. Nothing is
forgotten: a log of some weeks fits.

Runs in the environments of the peers, too: nothing but the standard library is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

WINDOW = 72 * 3_600 * 1_000_000
#: one list in the store holds what happened to one service within this time
BUCKET = 24 * 3_600 * 1_000_000

Row = dict[str, Any]


class Store(Protocol):
    """Where the join remembers: any value that JSON can say, by key."""

    def get(self, key: str) -> Any:
        """The value, or None."""

    def set(self, key: str, value: Any) -> None:
        """Remember a value."""


def merged(store: Store, change: str, repository: str, sha: str) -> Iterator[Row]:
    """A change reached its branch."""
    commit = f"{repository}@{sha}"
    store.set(f"change/{commit}", change)
    for tag in store.get(f"tags/{commit}") or ():
        yield from _tag_completed(store, tag)


def packaged(store: Store, tag: str, repository: str, sha: str) -> Iterator[Row]:
    """A build turned a commit into what a deploy tag stands for."""
    commit = f"{repository}@{sha}"
    store.set(f"commit/{tag}", commit)
    _add(store, f"tags/{commit}", tag)
    yield from _tag_completed(store, tag)


def deployed(store: Store, deployment: str, lane: str, at: int, tag: str) -> Iterator[Row]:
    """A tag went live in a lane: a service and its environment."""
    _add(store, f"deployments/{lane}/{at // BUCKET}", [at, deployment, tag])
    _add(store, f"deployed/{tag}", [at, deployment, lane])
    for opened_at, incident in _incidents_after(store, lane, at):
        yield from _row(store, incident, opened_at, deployment, at, tag)


def detected(store: Store, incident: str, lane: str, at: int) -> Iterator[Row]:
    """Somebody noticed that a lane misbehaves."""
    _add(store, f"incidents/{lane}/{at // BUCKET}", [at, incident])
    for bucket in range((at - WINDOW) // BUCKET, at // BUCKET + 1):
        for deployed_at, deployment, tag in store.get(f"deployments/{lane}/{bucket}") or ():
            if at - WINDOW <= deployed_at < at:
                yield from _row(store, incident, at, deployment, deployed_at, tag)


def told(store: Store, record: str, event: dict[str, Any]) -> Iterable[Row]:
    """What follows from one event as it was decoded; of most records nothing does."""
    if record == "change_merged":
        return merged(store, event["change"], event["repository"], event["sha"])
    if record == "artifact_packaged":
        return packaged(store, event["tag"], event["repository"], event["sha"])
    lane = f"{event['service']}/{event['environment']}"
    if record == "deployment_finished":
        if event["outcome"] != "success":
            return ()
        return deployed(store, event["deployment"], lane, event["time"], event["tag"])
    return detected(store, event["incident"], lane, event["time"])


def key_of(row: Row) -> str:
    """Under which key a row is upserted."""
    return f"{row['incident']}|{row['deployment']}"


#: the records that the join reads; the rest of a log passes by
RECORDS = ("change_merged", "artifact_packaged", "deployment_finished", "incident_detected")


def _tag_completed(store: Store, tag: str) -> Iterator[Row]:
    for at, deployment, lane in store.get(f"deployed/{tag}") or ():
        for opened_at, incident in _incidents_after(store, lane, at):
            yield from _row(store, incident, opened_at, deployment, at, tag)


def _incidents_after(store: Store, lane: str, at: int) -> Iterator[tuple[int, str]]:
    for bucket in range(at // BUCKET, (at + WINDOW) // BUCKET + 1):
        for opened_at, incident in store.get(f"incidents/{lane}/{bucket}") or ():
            if at < opened_at <= at + WINDOW:
                yield opened_at, incident


def _row(
    store: Store, incident: str, opened_at: int, deployment: str, deployed_at: int, tag: str
) -> Iterator[Row]:
    commit = store.get(f"commit/{tag}")
    change = store.get(f"change/{commit}") if commit else None
    if change:
        yield {
            "incident": incident,
            "change": change,
            "deployment": deployment,
            "tag": tag,
            "deployed_at": deployed_at,
            "detected_at": opened_at,
        }


def _add(store: Store, key: str, value: Any) -> None:
    held = store.get(key) or []
    if value not in held:
        store.set(key, [*held, value])
