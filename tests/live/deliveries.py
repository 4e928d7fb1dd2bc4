"""Deliveries of GitHub's shape that differ in their number, and senders of many of them at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha1
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tests.live.process import Up, signed

REPOSITORY = "acme/api"
SEND_SECONDS_MAX = 30
CONNECTIONS = 4
#: some days ago, in seconds since the epoch: a running process knows what time it is, and what is older
#: than its horizon waits for a rebuild
BEGUN = int(time.time()) - 10 * 86_400


def instant(seconds: int) -> str:
    """A moment as GitHub and Alertmanager write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


OPENED_AT = instant(BEGUN)


def pull_request(number: int, action: str = "opened", **changed: Any) -> dict[str, Any]:
    """A delivery of the kind ``pull_request``; ``changed`` are fields of the request."""
    repository = {"id": 1, "full_name": REPOSITORY, "name": "api", "default_branch": "main"}
    person = {"login": f"dev{number % 7}", "id": number % 7, "type": "User"}
    request = {
        "id": number, "number": number, "title": f"Change {number}", "user": person, "draft": False,
        "state": "open", "created_at": OPENED_AT, "updated_at": OPENED_AT, "closed_at": None,
        "merged_at": None, "merged": False, "merge_commit_sha": None, "labels": [],
        "requested_reviewers": [], "requested_teams": [], "additions": 10, "deletions": 2,
        "changed_files": 1, "comments": 0, "review_comments": 0, "commits": 1,
        "author_association": "MEMBER", "body": "why",
        "head": {"ref": f"topic-{number}", "sha": sha(number), "repo": repository},
        "base": {"ref": "main", "sha": "0" * 40, "repo": repository},
    }  # fmt: skip
    return {
        "action": action,
        "number": number,
        "pull_request": request | changed,
        "repository": repository,
        "sender": person,
        "organization": {"login": "acme", "id": 1},
    }


def sha(number: int) -> str:
    return sha1(b"%d" % number).hexdigest()


def key(number: int) -> str:
    return f"{REPOSITORY}#{number}"


class Stream:
    """Posts numbered deliveries from several connections at once until they break, or it is told to stop.

    ``accepted`` were answered with a 2xx, ``refused`` with a 503; what was sent and not answered is in
    doubt: it is in ``tried`` alone.
    """

    def __init__(self, run: Up, numbers: Iterable[int], connections: int = CONNECTIONS) -> None:
        self.tried: set[int] = set()
        self.accepted: set[int] = set()
        self.refused: list[int] = []
        self.wrong: list[str] = []
        self._place = urlsplit(run.receiver).netloc
        self._numbers = iter(numbers)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        assert self.wrong == []

    def stop(self) -> None:
        """Send nothing new, wait for the answers."""
        self._stop.set()
        self.join()

    def _run(self) -> None:
        with closing(HTTPConnection(self._place, timeout=SEND_SECONDS_MAX)) as connection:
            while not self._stop.is_set():
                with self._lock:
                    number = next(self._numbers, None)
                    if number is None:
                        return
                    self.tried.add(number)
                try:
                    status = self._post(connection, number)
                except (OSError, HTTPException):
                    return
                with self._lock:
                    if status == 503:
                        self.refused.append(number)
                    else:
                        self.accepted.add(number)

    def _post(self, connection: HTTPConnection, number: int) -> int:
        body = json.dumps(pull_request(number)).encode()
        connection.request(
            "POST", "/receive/default/github", body, signed(body, "pull_request", f"delivery-{number}")
        )
        response = connection.getresponse()
        response.read()
        if response.status == 503 and not response.headers["Retry-After"]:
            self.wrong.append("a 503 without Retry-After")
        elif response.status not in (200, 202, 503):
            self.wrong.append(f"{response.status} for delivery {number}")
        return response.status
