"""One deploy tag in the words of images, of Kubernetes and of OpenTelemetry, so that they can be joined.

The names are those of the OCI image specification (annotations), of Kubernetes' recommended labels, and of
OpenTelemetry's semantic conventions (service, deployment, vcs). ``aftermerge`` prefixes what is ours.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

LABEL_CHARACTERS_MAX = 63
VALUE_CHARACTERS_MAX = 1_024

_NO_LABEL = re.compile(r"[^A-Za-z0-9._-]")
_SCP_LIKE = re.compile(r"(?:[^@/\s]+@)?(?P<host>[^:/\s]{2,}):(?!//)(?P<path>[^\s]+)")
#: what a shell takes apart or takes for the names of files
_BREAKING = re.compile(r"[\s*?\[\]]")
_HEADS = {
    "labels": "# image labels: docker build $(aftermerge tag SERVICE --format labels) .",
    "annotations": "# metadata of a Kubernetes workload and of its pod template",
    "otel": "# environment of the process",
}


class WrongTag(ValueError):
    """A value can't be carried by all of the three; the text names it."""


class DeployTag(NamedTuple):
    """What a running thing says of itself; everything but service and tag may be ""."""

    service: str
    tag: str
    environment: str = ""
    sha: str = ""
    repository: str = ""
    #: where the source code can be got
    home: str = ""

    def checked(self) -> DeployTag:
        """The same; raises ``WrongTag`` for what would break in a shell or a label."""
        for name, value in zip(self._fields, self, strict=True):
            if _BREAKING.search(value) or not value.isprintable():
                raise WrongTag(f"{name}: {value!r} holds white space, or one of * ? [ ]")
            if len(value) > VALUE_CHARACTERS_MAX:
                raise WrongTag(f"{name}: {len(value)} characters, at most {VALUE_CHARACTERS_MAX} are taken")
        return self

    def image_labels(self) -> dict[str, str]:
        """Labels of an image; it knows no environment, since the same one goes to all of them."""
        return _given(
            {
                "org.opencontainers.image.title": self.service,
                "org.opencontainers.image.version": self.tag,
                "org.opencontainers.image.revision": self.sha,
                "org.opencontainers.image.source": self.home,
                "aftermerge.service": self.service,
                "aftermerge.deploy-tag": self.tag,
                "aftermerge.repository": self.repository,
            }
        )

    def kubernetes_labels(self) -> dict[str, str]:
        """The recommended labels; what no label can hold is cut to fit, and whole in the annotations."""
        return {
            "app.kubernetes.io/name": label_value(self.service),
            "app.kubernetes.io/version": label_value(self.tag),
        }

    def kubernetes_annotations(self) -> dict[str, str]:
        """Annotations, with those that OpenTelemetry's collector turns into resource attributes."""
        ours = {
            "aftermerge/service": self.service,
            "aftermerge/deploy-tag": self.tag,
            "aftermerge/environment": self.environment,
            "aftermerge/repository": self.repository,
            "aftermerge/revision": self.sha,
        }
        theirs = {f"resource.opentelemetry.io/{name}": value for name, value in self.resource().items()}
        return _given(ours | theirs)

    def resource(self) -> dict[str, str]:
        """OpenTelemetry resource attributes."""
        return _given(
            {
                "service.name": self.service,
                "service.version": self.tag,
                "deployment.environment.name": self.environment,
                "vcs.ref.head.revision": self.sha,
                "vcs.repository.url.full": self.home,
            }
        )

    def printed(self, form: str) -> str:
        """The tag as ``labels``, ``annotations``, ``otel``, ``json``, or ``all`` but the last."""
        if form == "json":
            return json.dumps(self._document(), indent=2, ensure_ascii=False)
        if form == "all":
            return "\n\n".join(f"{head}\n{self.printed(name)}" for name, head in _HEADS.items())
        if form == "labels":
            return "\n".join(f"--label {name}={value}" for name, value in self.image_labels().items())
        if form == "otel":
            told = ",".join(
                f"{name}={quote(value, safe='-._~/:@+')}" for name, value in self.resource().items()
            )
            return f"OTEL_RESOURCE_ATTRIBUTES={told}"
        return "\n".join(
            [
                *_yaml("labels", self.kubernetes_labels()),
                *_yaml("annotations", self.kubernetes_annotations()),
            ]
        )

    def _document(self) -> dict[str, Any]:
        return {
            **self._asdict(),
            "image_labels": self.image_labels(),
            "kubernetes": {"labels": self.kubernetes_labels(), "annotations": self.kubernetes_annotations()},
            "opentelemetry": self.resource(),
        }


def label_value(text: str) -> str:
    """Text as the value of a Kubernetes label: letters, digits, ``-_.``, 63 of them at most."""
    return _NO_LABEL.sub("-", text).strip("-_.")[:LABEL_CHARACTERS_MAX].rstrip("-_.")


def home_of(remote: str) -> str:
    """The address of a repository for people, from its remote's; "" for a local path.

    Tokens and users in it stay behind: CI clones with them.

    >>> home_of("git@example.org:acme/api.git")
    'https://example.org/acme/api'
    """
    if "://" in remote:
        parts = urlsplit(remote)
        if parts.scheme not in ("http", "https", "ssh", "git") or not parts.hostname:
            return ""
        # the port of ssh is none of the web's
        host = parts.netloc.rpartition("@")[2] if parts.scheme.startswith("http") else parts.hostname
        scheme, path = parts.scheme if parts.scheme.startswith("http") else "https", parts.path
    elif found := _SCP_LIKE.fullmatch(remote):
        scheme, host, path = "https", found["host"], "/" + found["path"].lstrip("/")
    else:
        return ""
    return f"{scheme}://{host}{path.rstrip('/').removesuffix('.git')}"


def _given(pairs: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if value}


def _yaml(name: str, pairs: dict[str, str]) -> list[str]:
    # a JSON text is a YAML text, whatever is in it
    return [
        f"{name}:",
        *(f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in pairs.items()),
    ]
