"""Where `aftermerge up` listens, whom it hears there, and that comparing secrets tells nothing of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.live_settings import LiveSettings
from pipeline.receive.access import is_loopback
from tests.live.process import SECRET, Up, run, up

PIPELINE = Path(__file__).resolve().parents[2] / "pipeline"
READER = "a-token-for-reading"
#: whatever listens elsewhere in these tests is refused before it does
ELSEWHERE = "0.0.0.0:0"


def test_loopback_is_the_default() -> None:
    defaults = LiveSettings()
    for address in (defaults.listen, defaults.clickhouse_listen):
        assert is_loopback(address.rpartition(":")[0])


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        (["--listen", ELSEWHERE], {}, "anybody could read"),
        (["--listen", "[::]:0"], {}, "anybody could read"),
        (["--clickhouse-listen", ELSEWHERE], {}, "anybody could read"),
        (
            ["--listen", ELSEWHERE],
            {"token_viewer": READER, "open_sources": "gitlab"},
            "anybody could post to gitlab",
        ),
        ([], {"token_viewer": "short"}, "AFTERMERGE_TOKEN_VIEWER"),
        ([], {"secret_github": "short"}, "AFTERMERGE_SECRET_GITHUB"),
        ([], {"token_root": READER}, "there is no role 'root'"),
        ([], {"delivery_keys": "kestrel-no-key-at-all"}, "is no base64"),
    ],
)
def test_it_refuses_what_is_not_safe(
    tmp_path: Path, options: list[str], settings: dict[str, str], said: str
) -> None:
    listening = {"--listen": "127.0.0.1:0", "--clickhouse-listen": "127.0.0.1:0"}
    listening.update(zip(options[::2], options[1::2], strict=True))
    arguments = [text for pair in listening.items() for text in pair]
    done = run(tmp_path / "data", "up", *arguments, **settings)
    assert done.returncode == Exit.USAGE, done.stderr
    assert said in done.stderr
    for secret in (SECRET, *settings.values()):
        assert secret == "gitlab" or secret not in done.stdout + done.stderr
    assert not (tmp_path / "data" / "log.sqlite").exists()


def asked(started: Up, base: str, page: str, **headers: str) -> int:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return started.ask(page, headers=told, base=base).status


def test_without_a_token_only_programs_of_this_machine_are_answered(tmp_path: Path) -> None:
    """A page in somebody's browser asks from this machine too: by another name, or with its origin."""
    with up(tmp_path / "data", open_sources="pagerduty") as started:
        receiver, queries = started.receiver, started.queries
        port = queries.rpartition(":")[2]
        for base, page in ((receiver, "/config"), (queries, "/?query=SELECT+1")):
            refused = {401, 403}
            assert asked(started, base, page) == 200
            assert asked(started, base, page, Host=f"localhost:{port}") == 200
            assert asked(started, base, page, Host="evil.example") in refused
            assert asked(started, base, page, Host="127.0.0.1.evil.example") in refused
            assert asked(started, base, page, Origin="http://evil.example") in refused
            assert asked(started, base, page, Origin="null") in refused
            assert asked(started, base, page, X_Forwarded_For="127.0.0.1") in refused
            assert asked(started, base, page, Forwarded="for=127.0.0.1") in refused
        place = "/receive/default/pagerduty"
        assert started.ask(place, b"{}").status == 202
        for name, value in (("Host", "evil.example"), ("Origin", "http://evil.example")):
            assert started.ask(place, b"{}", {name: value}).status == 401


def test_with_a_token_a_name_changes_nothing(tmp_path: Path) -> None:
    with up(tmp_path / "data", token_viewer=READER) as started:
        for headers in ({}, {"X_Aftermerge_Role": "admin"}, {"Authorization": "Bearer "}):
            assert asked(started, started.receiver, "/metrics", **headers) == 401
            assert asked(started, started.queries, "/?query=SELECT+1", **headers) == 401
        bearer = {"Authorization": f"Bearer {READER}"}
        assert asked(started, started.receiver, "/metrics", **bearer) == 200
        assert asked(started, started.queries, "/?query=SELECT+1", **bearer) == 200


SECRET_NAMES = {
    "secret",
    "secrets",
    "token",
    "tokens",
    "told",
    "sent",
    "given",
    "expected",
    "digest",
    "known",
}
SECRET_NAMES |= {"signature", "signatures", "pair", "key"}


@pytest.mark.parametrize(
    "module", ["receive/signatures.py", "receive/access.py", "cli/showing.py", "pages/signing.py"]
)
def test_secrets_are_compared_in_constant_time(module: str) -> None:
    """No `==` and no `in` with a secret on one side: both end at the first difference."""
    tree = ast.parse((PIPELINE / module).read_text(encoding="utf-8"))
    compared = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            compared += node.func.attr == "compare_digest"
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(how, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for how in node.ops):
            continue
        for side in (node.left, *node.comparators):
            name = (
                side.id
                if isinstance(side, ast.Name)
                else side.attr
                if isinstance(side, ast.Attribute)
                else ""
            )
            assert name not in SECRET_NAMES, f"{module}:{node.lineno} compares {name}"
    assert compared
