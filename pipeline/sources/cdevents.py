"""What CDEvents 0.5.1 itself can say: its ``context`` and ``subject``, read and written.

Reading is for producers that know nothing of us. Their events have random ids, so the natural key is
made here: source, subject and predicate (for a change its repository too, since numbers repeat). That
is enough for what happens once to a subject: a change is created, merged, abandoned; an artifact is
packaged; a task run finishes; an incident is detected, reported, resolved. What happens again and
again to the same subject also needs its time: a change is updated or reviewed, a service (the subject
of its own deployments) is deployed, upgraded or rolled back; a service needs environment and artifact
besides. The time is the producer's own and travels unchanged through redeliveries, so it isn't
rounded. An incident or a change that is opened again under its old id stays one fact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from pipeline.core import events as e
from pipeline.core.vocabulary import ARTIFACT_PUBLISHED, Word, type_of
from pipeline.sources.times import instant, rfc3339

#: stands where CDEvents requires an identifier and we know none
UNKNOWN = "unknown"

#: the words of CDEvents 0.4 and 0.5 that tell nothing Aftermerge joins: known, counted and passed over
UNUSED = frozenset(
    f"{subject}.{predicate}"
    for subject, predicates in {
        "pipelinerun": "queued started finished",
        "taskrun": "started",
        "repository": "created modified deleted",
        "branch": "created deleted",
        "build": "queued started finished",
        "testcaserun": "queued started finished skipped",
        "testsuiterun": "queued started finished",
        "testoutput": "published",
        "artifact": "signed downloaded deleted",
        "environment": "created modified deleted",
        "service": "removed published",
        "ticket": "created updated closed",
    }.items()
    for predicate in predicates.split()
)

_TYPE = re.compile(r"dev\.cdevents\.(?P<word>[a-z]+\.[a-z]+)\.[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LAST_NUMBER = re.compile(r"(?:^|.*[/#!])(\d{1,18})")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]+/", re.IGNORECASE)


class UnusedEvent(e.InvalidEvent):
    """A word of CDEvents that nothing is made of: no event of ours, and no mistake of its producer."""

    def __init__(self, word: str) -> None:
        super().__init__(f"{word}: a CDEvents type that nothing is made of")
        self.word = word


def unused_word(cloudevents_type: str) -> str:
    """``pipelinerun.started`` for a type that is known and not used, whatever its version; else ""."""
    match = _TYPE.fullmatch(cloudevents_type)
    return match["word"] if match and match["word"] in UNUSED else ""


class Reference(msgspec.Struct, frozen=True):
    """``{"id": ..., "source": ...}``"""

    id: str
    source: str = ""


class Content(msgspec.Struct, frozen=True, rename="camel"):
    """The union of what the contents of the types that we read hold."""

    repository: Reference | None = None
    description: str = ""
    environment: Reference | None = None
    service: Reference | None = None
    artifact_id: str = ""
    change: Reference | None = None
    pipeline_run: Reference | None = None
    task_name: str = ""
    uri: str = ""
    outcome: str = ""
    ticket_uri: str = msgspec.field(default="", name="ticketURI")


class Subject(msgspec.Struct, frozen=True):
    id: str
    content: Content
    source: str = ""


class Deploy(NamedTuple):
    """What a package URL says about the thing deployed."""

    tag: str
    digest: str
    sha: str


def deploy_of(artifact: str) -> Deploy:
    """Tag, digest and commit inside a package URL (``pkg:oci/api@sha256%3A...?tag=v7``).

    The deploy tag is the ``tag`` qualifier, else the version. What is no package URL
    (``registry/api:v7``) gives what follows its last ``@`` or ``:``, else the whole.
    """
    body, _, qualifiers = artifact.partition("#")[0].partition("?")
    if artifact.startswith("pkg:"):
        _, at, last = body.rpartition("@")
        version = unquote(last) if at and "/" not in last else ""
        named = next((value for value in qualifiers.split("&") if value.startswith("tag=")), "")
        tag = unquote(named.removeprefix("tag=")) or version
    else:
        version = tag = re.split(r"[@:](?=[^/]*$)", artifact, maxsplit=1)[-1]
    return Deploy(
        tag=tag,
        digest=version if version.startswith("sha256:") else "",
        sha=version if _SHA.fullmatch(version) else "",
    )


def artifact_of(event: e.DeploymentFinished) -> str:
    """The package URL of what was deployed; a generic one where the event names none."""
    name = quote(event.service or UNKNOWN, safe="/")
    return event.artifact or f"pkg:generic/{name}@{quote(event.tag or event.sha or UNKNOWN, safe='')}"


def repository_name(identifier: str) -> str:
    """``acme/api`` for the name itself, for its URL and for its clone address."""
    return _URL.sub("", identifier).removesuffix("/").removesuffix(".git")


def change_key(repository: str, subject: str) -> tuple[str, int | None, str]:
    """Key, number and commit of a change that its producer calls ``subject``."""
    if repository and (subject.startswith((f"{repository}#", f"{repository}@"))):
        subject = subject[len(repository) :].lstrip("@")
    if _SHA.fullmatch(subject):
        return f"{repository}@{subject}", None, subject
    number = _LAST_NUMBER.fullmatch(subject)
    if number:
        return f"{repository}#{int(number[1])}", int(number[1]), ""
    return f"{repository}#{subject}", None, ""


class Told(NamedTuple):
    """The natural id, the key and the named fields that a foreign event comes down to."""

    id: str
    key: str
    fields: dict[str, Any]


class Heard(NamedTuple):
    """A foreign event as far as it is the same for all types; ``time`` in microseconds UTC."""

    word: Word
    source: str
    time: int
    subject: Subject

    def once(self, what: str) -> str:
        """The natural id of what happens once to ``what``."""
        return f"{self.source} {what} {self.word.predicate}"

    def each_time(self, what: str) -> str:
        """The natural id of what may happen to ``what`` again and again."""
        return f"{self.once(what)} {rfc3339(self.time)}"


def _id_of(reference: Reference | None) -> str:
    return reference.id if reference else ""


def _change(heard: Heard) -> Told:
    content = heard.subject.content
    repository = repository_name(_id_of(content.repository))
    key, number, sha = change_key(repository, heard.subject.id)
    fields: dict[str, Any] = {"repository": repository, "number": number}
    if heard.word.record == "change_opened":
        fields["title"] = content.description
    elif heard.word.record == "change_merged":
        fields["sha"] = sha
    repeats = heard.word.record in {"change_updated", "review_submitted"}
    return Told(heard.each_time(key) if repeats else heard.once(key), key, fields)


def _check(heard: Heard) -> Told:
    content = heard.subject.content
    # CDEvents says no commit: the check is kept under its pipeline run, and counted as unlinked
    run = _id_of(content.pipeline_run) or heard.subject.id
    fields = {"name": content.task_name, "outcome": content.outcome, "url": content.uri}
    return Told(heard.once(heard.subject.id), f"{heard.source} {run}", fields)


def _artifact(heard: Heard) -> Told:
    artifact, change = heard.subject.id, _id_of(heard.subject.content.change)
    deploy = deploy_of(artifact)
    sha = change if _SHA.fullmatch(change) else deploy.sha
    return Told(heard.once(artifact), artifact, {"tag": deploy.tag, "digest": deploy.digest, "sha": sha})


def _deployment(heard: Heard) -> Told:
    content, service = heard.subject.content, heard.subject.id
    environment, artifact = _id_of(content.environment), content.artifact_id
    deploy = deploy_of(artifact)
    fields = {
        "service": service,
        "environment": environment,
        "tag": deploy.tag,
        "artifact": artifact,
        "sha": deploy.sha,
        "rolled_back": heard.word.predicate == "rolledback",
    }
    key = f"{service}/{environment}:{deploy.tag}@{instant(heard.time)}"
    return Told(heard.each_time(f"{service} {environment} {artifact}"), key, fields)


def _incident(heard: Heard) -> Told:
    content = heard.subject.content
    fields = {"service": _id_of(content.service)}
    if heard.word.record == "incident_detected":
        fields["environment"] = _id_of(content.environment)
        fields["title"] = content.description
        fields["ticket"] = content.ticket_uri
    return Told(heard.once(heard.subject.id), heard.subject.id, fields)


#: record -> how its foreign form is read; what is missing has no CDEvents word, hence no foreign form
FOREIGN: dict[str, Callable[[Heard], Told]] = {
    "change_opened": _change,
    "change_updated": _change,
    "change_merged": _change,
    "change_abandoned": _change,
    "review_submitted": _change,
    "check_finished": _check,
    "artifact_packaged": _artifact,
    "deployment_finished": _deployment,
    "incident_detected": _incident,
    "incident_resolved": _incident,
}


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _reference(identifier: str) -> dict[str, str] | None:
    return {"id": identifier} if identifier else None


def content_of(event: e.Event) -> dict[str, Any]:
    """``subject.content`` for other readers: what the event's CDEvents schema knows, and requires."""
    match event:
        case e.ChangeOpened():
            return _given(description=event.title, repository=_reference(event.repository))
        case e.ChangeUpdated() | e.ChangeMerged() | e.ChangeAbandoned() | e.ReviewSubmitted():
            return _given(repository=_reference(event.repository))
        case e.CheckFinished():
            return _given(taskName=event.name, outcome=event.outcome, uri=event.url)
        case e.ArtifactPackaged():
            return {} if type_of(event) == ARTIFACT_PUBLISHED else {"change": {"id": event.sha}}
        case e.DeploymentFinished():
            return {
                "environment": {"id": event.environment or UNKNOWN},
                "artifactId": artifact_of(event),
            }
        case e.IncidentDetected():
            members = _given(description=event.title, service=_reference(event.service))
            return {"environment": {"id": event.environment or UNKNOWN}, **members}
        case e.IncidentResolved():
            return {"environment": {"id": UNKNOWN}, **_given(service=_reference(event.service))}
    return {}
