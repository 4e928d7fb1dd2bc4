"""The classes of changes: how many there are of each, how big and how risky, their labels and paths."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Kind(NamedTuple):
    """One class of changes; ``risk`` is added to the logit of the chance that it breaks production."""

    name: str
    weight: float
    size: float
    risk: float
    labels: tuple[str, ...]
    paths: tuple[str, ...]
    titles: tuple[str, ...]


KINDS = (
    Kind("feature", 0.36, 1.4, 0.0, ("feature",), ("src/{a}/{b}.py", "tests/test_{b}.py", "src/{b}/view.py"),
         ("Add {a} to {b}", "Let people change the {a} of a {b}", "Show {a} beside {b}")),
    Kind("api-contract", 0.06, 0.8, 0.3, ("api-contract",), ("api/openapi.yaml", "src/{a}/{b}.py"),
         ("Version 2 of the {a} endpoint", "Add {b} to the answer of {a}")),
    Kind("database-migration", 0.05, 0.6, 0.6, ("database-migration",),
         ("migrations/{n}_{a}.sql", "src/{a}/store.py"), ("Add column {b} to {a}", "Index {a} by {b}")),
    Kind("iam", 0.03, 0.3, 0.3, ("iam",), ("infra/iam/{a}.tf", "infra/iam/roles.tf"),
         ("Allow {a} to read {b}", "Narrow the role of {a}")),
    Kind("iac", 0.07, 0.7, 0.4, ("infrastructure",), ("infra/{a}.tf", "deploy/{b}.yaml"),
         ("More memory for {a}", "Move {a} to the new cluster")),
    Kind("observability", 0.06, 0.5, -0.4, ("observability",), ("dashboards/{a}.json", "src/{a}/metrics.py"),
         ("Measure {a}", "Alert when {a} waits for {b}")),
    Kind("runbook", 0.03, 0.4, -2.0, ("runbook",), ("docs/runbooks/{a}.md",), ("Runbook for {a}",)),
    Kind("performance", 0.06, 0.9, 0.3, ("performance",), ("src/{a}/cache.py", "src/{a}/{b}.py"),
         ("Cache {a}", "Read {a} in batches")),
    Kind("serverless", 0.04, 0.7, 0.2, ("serverless",), ("functions/{a}/handler.py",
        "functions/{a}/app.yaml"),
         ("A function for {a}", "Time out {a} sooner")),
    Kind("security-patch", 0.05, 0.4, 0.0, ("security",), ("requirements/{a}.txt", "src/{a}/escape.py"),
         ("Patch {a}", "Escape {b} in {a}")),
    Kind("shared-contract", 0.04, 0.7, 0.5, ("shared-contract",), ("contracts/{a}.proto", "src/{a}/{b}.py"),
         ("Add {b} to the message {a}", "Retire the field {b}")),
    Kind("docs", 0.07, 0.6, -2.5, ("docs",), ("docs/{a}.md", "README.md"), ("Explain {a}",
        "Mend links in {a}")),
    Kind("dependency", 0.08, 0.2, -0.3, ("dependencies", "bot"), ("requirements/runtime.txt",),
         ("Bump {a} from 1.{n} to 1.{m}",)),
)  # fmt: skip
DEPENDENCY = len(KINDS) - 1
#: what a repair is
FIX = 0

_weights = np.array([kind.weight for kind in KINDS])
BOUNDS = np.cumsum(_weights / _weights.sum())
SIZES = np.array([kind.size for kind in KINDS])
RISKS = np.array([kind.risk for kind in KINDS])

_WORDS = (
    "address", "amount", "basket", "batch", "branch", "budget", "coupon", "country", "currency", "customer",
    "delay", "discount", "export", "filter", "gift", "header", "image", "invoice", "label", "limit", "login",
    "message", "number", "offer", "order", "parcel", "payment", "price", "quote", "rate", "refund", "retry",
    "session", "stock", "tariff", "token", "total", "voucher", "window", "zone",
)  # fmt: skip
_PATHS_MAX = 6


def words(u: float, v: float) -> tuple[str, str]:
    """Two words for a title and for paths."""
    return _WORDS[int(u * len(_WORDS))], _WORDS[int(v * len(_WORDS))]


def title(kind: int, u: float, a: str, b: str) -> str:
    """A title of this class."""
    choices = KINDS[kind].titles
    number = int(u * 90)
    return choices[int(u * len(choices))].format(a=a, b=b, n=number, m=number + 1)


def paths(kind: int, files: int, prefix: str, a: str, b: str, number: int) -> list[str]:
    """The files that a change touches, at most six of them."""
    patterns = KINDS[kind].paths
    lead = f"{prefix}/" if prefix else ""
    found = [lead + pattern.format(a=a, b=b, n=f"{number % 1000:03}") for pattern in patterns[:files]]
    found += [f"{lead}src/{a}/part{place}.py" for place in range(len(found), min(files, _PATHS_MAX))]
    return found
