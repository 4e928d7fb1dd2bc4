"""Deliveries of GitHub's shape that differ in their number, and senders of many of them at a time."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from hashlib import sha1
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tests.live.process import Up, signed

REPOSITORY = "acme/api"
SEND_SECONDS_MAX = 30
SENT_MAX = 100_000
OPENED_AT = "2026-05-01T10:00:00Z"


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
    doubt, and stays in ``left`` to be sent again, as it would be by a sender that keeps its word.
    """

    def __init__(self, run: Up, numbers: list[int], connections: int = 4) -> None:
        self.accepted: set[int] = set()
        self.refused: list[int] = []
        self.wrong: list[str] = []
        self._place = urlsplit(run.receiver).netloc
        self._numbers = numbers
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
                    if not self._numbers:
                        return
                    number = self._numbers.pop()
                try:
                    status = self._post(connection, number)
                except (OSError, HTTPException):
                    status = 0
                with self._lock:
                    if 200 <= status < 300:
                        self.accepted.add(number)
                        continue
                    self._numbers.append(number)
                    if status != 503:
                        return
                    self.refused.append(number)
                self._stop.wait(0.05)

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
