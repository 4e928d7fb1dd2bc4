"""Deliveries at a steady rate, from a process of their own: bounded in count, over loopback only.

``python -m benchmarks.load PORT PER_SECOND SECONDS FIRST`` posts signed pull requests of GitHub's shape,
about 10 KB each, and prints when each was sent and answered as JSON. A delivery is sent when its time has
come whether or not the earlier ones were answered, so a slow answer is not hidden by a slow sender.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from typing import Any

import msgspec

SECRET = "a secret for benchmarks only"
CONNECTIONS = 32
DELIVERIES_MAX = 200_000
BODY_BYTES = 10_000
DESCRIPTION = (
    """## What
Retry the payment provider when it answers late, since customers see an error although nothing is wrong.

## How
A budget of three tries a minute, with growing pauses; the metric `payments_retried` counts them.
- [x] tests for the budget
- [ ] dashboards
"""
    + "The provider says that it is safe to send the same payment twice, as long as its key is the same. "
    * 12
)
ADDRESS = "https://api.github.example/repos/acme/service/contents/{+path}"


class Sent(msgspec.Struct):
    """One delivery: seconds since the epoch when it was due and answered, and the answer's status."""

    due: float
    answered: float
    status: int


def pull_request(number: int) -> bytes:
    """A pull request that was opened a moment ago."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sha = hashlib.sha1(b"%d" % number).hexdigest()
    person = {"login": f"dev{number % 40}", "id": number % 40, "type": "User"}
    repository = {
        "id": number % 20,
        "full_name": f"acme/service-{number % 20}",
        "name": f"service-{number % 20}",
    }
    request: dict[str, Any] = {
        "id": number, "number": number, "title": f"Change {number}", "user": person, "draft": False,
        "state": "open", "created_at": now, "updated_at": now, "closed_at": None, "merged_at": None,
        "merged": False, "merge_commit_sha": None, "labels": [], "requested_reviewers": [],
        "requested_teams": [], "additions": 10, "deletions": 2, "changed_files": 1, "comments": 0,
        "review_comments": 0, "commits": 1, "author_association": "MEMBER", "body": "",
        "head": {"ref": f"topic-{number}", "sha": sha, "repo": repository},
        "base": {"ref": "main", "sha": "0" * 40, "repo": repository},
    }  # fmt: skip
    payload = {
        "action": "opened", "number": number, "pull_request": request, "repository": repository,
        "sender": person, "organization": {"login": "acme", "id": 1},
    }  # fmt: skip
    request["body"] = DESCRIPTION
    # most of what GitHub sends are addresses that nobody here reads
    rest = max(0, BODY_BYTES - len(json.dumps(payload)))
    repository["urls"] = {f"url_{place}": ADDRESS for place in range(rest // (3 * (len(ADDRESS) + 14)))}
    return json.dumps(payload).encode()


def http_request(number: int) -> bytes:
    """The bytes of one signed delivery."""
    body = pull_request(number)
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        "POST /receive/default/github HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: pull_request\r\nX-GitHub-Delivery: benchmark-{number}\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _worker(port: int, due: list[tuple[float, int]], sent: list[Sent]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for at, number in due:
        request = http_request(number)
        await asyncio.sleep(max(0.0, at - time.time()))
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        sent.append(Sent(at, time.time(), status))
    writer.close()


async def generate(port: int, per_second: float, seconds: float, first: int) -> list[Sent]:
    """Post, and say how that went."""
    count = min(DELIVERIES_MAX, int(per_second * seconds))
    begin = time.time() + 0.3
    due = [(begin + place / per_second, first + place) for place in range(count)]
    sent: list[Sent] = []
    connections = min(CONNECTIONS, count)
    await asyncio.gather(*(_worker(port, due[place::connections], sent) for place in range(connections)))
    return sorted(sent, key=lambda one: one.due)


if __name__ == "__main__":
    port, per_second, seconds, first = (
        int(sys.argv[1]),
        float(sys.argv[2]),
        float(sys.argv[3]),
        int(sys.argv[4]),
    )
    print(msgspec.json.encode(asyncio.run(generate(port, per_second, seconds, first))).decode())
