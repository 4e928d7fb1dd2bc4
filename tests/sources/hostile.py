"""What hostile deliveries are made of: values nobody expects, texts that take long to search, odd headers."""

from __future__ import annotations

from typing import Any

#: a mapping that uses every form, beside those of the examples
EVERY_FORM = """
rules:
  - event: incident_detected
    when: "body.key"
    id: {text: "desk {body.key} {{opened}}"}
    time: body.at
    version: {seconds: body.revision}
    fields:
      incident: body.key
      title: {text: "{body.title}: {headers.\\"user-agent\\"}"}
      severity: {value: body.level, table: {"1": high}, otherwise: low}
      service: {constant: api}
      onset_earliest_at: {milliseconds: body.since}
  - event: change_merged
    for_each: "body.merged"
    id: {text: "desk {item.key} merged"}
    time: {received: true}
    fields:
      change: item.key
      author: item.author
      additions: item.additions
      paths: item.paths
      owners: item.owners
      emergency: item.emergency
  - event: measurement_reported
    for_each: "body.measured"
    id: {text: "desk {item.name} {item.at}"}
    time: {microseconds: item.at}
    fields:
      measurement: item.name
      value: item.value
"""
EVERY_FORM_BODY = {
    "key": "D-1",
    "at": "2024-05-01T12:00:00Z",
    "revision": 7,
    "title": "It is down",
    "level": 1,
    "since": 1_714_564_000_000,
    "merged": [
        {
            "key": "acme/api#1",
            "author": "@ada",
            "additions": "12",
            "paths": ["a/b"],
            "owners": ["@ada", "a@b.c"],
        }
    ],
    "measured": [{"name": "p95", "at": 1_714_564_000_000_000, "value": 1.5}],
}

#: what a value may turn into
STRANGE: tuple[Any, ...] = (
    *(None, True, False, "", [], {}, [[]], {"": ""}, -1, 0, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(
        1.5,
        -0.0,
        1e308,
        5e-324,
        "NaN",
        "\0",
        "💥",
        "\u202e\u2066",
        "a\nb",
        "\\",
        "{}",
        "%s",
        "../../etc/passwd",
    ),
    *(
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2024-05-01 11:00:00",
        "2262-04-12T00:00:00Z",
    ),
    *(
        "1969-12-31T23:59:59Z",
        "2024-05-01T12:00:00.123456789Z",
        "2024-02-30T00:00:00Z",
        "Z",
        "incident",
        "p:",
    ),
    *("acme/api#17", "refs/tags/", "refs/heads/", "0" * 40, "#", "!", "/", "@", "bot", "[bot]"),
)
#: repeated, these look for patterns that take much longer than their text
REPEATED = (
    *(
        " ",
        "\n",
        "\t \n",
        "a",
        "a ",
        "1",
        "1.",
        "-",
        "_",
        "#",
        "#1",
        "!1",
        "/",
        "a/",
        "+",
        "+/",
        ".",
        ":",
        "@",
    ),
    *(
        "http://",
        "https://a/",
        "https://a.b/c/pull/",
        "revert ",
        "reverts a/b",
        "this reverts commit ",
        "inc ",
    ),
    *(
        "root cause ",
        "caused by ",
        "postmortem ",
        "sev ",
        "service: ",
        "# ",
        "*",
        "test ",
        "build-",
        "v1.",
        "é",
    ),
    *("1h", "\\", "(", "[", "[hotfix", "gh-readonly-queue/", "/pr-1-", "[bot]", "0123456789abcdef", "💥"),
)
BYTES = (
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b'"',
    b"{",
    b"[",
    b",",
    b"1e999",
    b"-",
    b"NaN",
    b"\xef\xbb\xbf",
)
HEADER_VALUES = (
    *(
        "",
        " ",
        "\0",
        "\xff",
        "a" * 2_000,
        "ping",
        "push",
        "../..",
        "application/json; charset=utf-16",
        "text/plain",
    ),
    *(
        "application/x-www-form-urlencoded",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ),
    *("application/cloudevents+xml", '";=', "%", "%zz", "%00", '"\\', "1.0", "true", "2024-05-01T12:00:00Z"),
)
HEADER_NAMES = (
    *("content-type", "x-github-event", "x-gitlab-event", "ce-specversion", "ce-type", "ce-id", "ce-source"),
    *("ce-time", "ce-imported", "ce-", "ce-é", "ce-data", "user-agent", "webhook-id"),
)
