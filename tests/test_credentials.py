"""Secrets from the environment and from files, and what is refused without showing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.credentials import Credentials, WrongCredentials, read_credentials

GOOD = "a-secret-long-enough"


def test_secrets_tokens_and_keys_are_found_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the-newest-of-both\n\n  the-one-about-to-go \n")
    found = read_credentials(
        {
            "AFTERMERGE_SECRET_GITHUB": GOOD,
            "AFTERMERGE_SECRET_ARGO_CD_FILE": str(file),
            "AFTERMERGE_TOKEN_VIEWER": GOOD,
            "AFTERMERGE_DELIVERY_KEYS": "k" * 44,
            "AFTERMERGE_SECRET_GITLAB": "",
            "AFTERMERGE_WORKSPACE": "acme",
            "PATH": "/bin",
        }
    )
    assert found == Credentials(
        secrets={"github": (GOOD,), "argo-cd": ("the-newest-of-both", "the-one-about-to-go")},
        tokens={"viewer": (GOOD,)},
        delivery_keys=("k" * 44,),
    )


def test_a_line_among_tokens_says_whose_it_is() -> None:
    lines = f"dana: {GOOD}-1\ndana: {GOOD}-2\nada@example.org:\t{GOOD}-3\n{GOOD}-4\nno:{GOOD}-5\n"
    found = read_credentials(
        {"AFTERMERGE_TOKEN_RESPONDER": lines, "AFTERMERGE_SECRET_GRAFANA": "a: a-password"}
    )
    tokens = [f"{GOOD}-{number}" for number in range(1, 5)]
    assert found.tokens == {"responder": (*tokens, f"no:{GOOD}-5")}
    assert dict(found.persons) == {tokens[0]: "dana", tokens[1]: "dana", tokens[2]: "ada@example.org"}
    assert found.secrets == {"grafana": ("a: a-password",)}, "a secret is what stands there"


def test_many_persons_have_few_tokens_each() -> None:
    lines = [f"person-{number}: {GOOD}-{number}" for number in range(100)]
    assert len(read_credentials({"AFTERMERGE_TOKEN_VIEWER": "\n".join(lines)}).tokens["viewer"]) == 100


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"AFTERMERGE_SECRET_GITHUB": "hunter2hunt"}, "at least 12"),
        ({"AFTERMERGE_SECRET_GITHUB": "\n".join([GOOD] * 5)}, "at most 4"),
        ({"AFTERMERGE_SECRET_GITHUB": " \n "}, "nothing in it"),
        ({"AFTERMERGE_TOKEN_VIEWER": "dana: hunter2"}, "at least 12"),
        ({"AFTERMERGE_TOKEN_VIEWER": "\n".join([f"dana: {GOOD}"] * 5)}, "5 values of dana, at most 4"),
        ({"AFTERMERGE_TOKEN_VIEWER": "\n".join(f"{n}: {GOOD}" for n in range(401))}, "at most 400"),
        ({"AFTERMERGE_SECRET_GITHUB": GOOD, "AFTERMERGE_SECRET_GITHUB_FILE": "x"}, "both set"),
        ({"AFTERMERGE_SECRET_GITHUB_FILE": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"AFTERMERGE_TOKEN_KING": GOOD}, "no role 'king'"),
        ({"AFTERMERGE_SECRET_": GOOD}, "names no source"),
    ],
)
def test_what_can_not_be_used_is_named_and_never_shown(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(WrongCredentials, match=reason) as refused:
        read_credentials(variables)
    assert GOOD not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "AFTERMERGE_" in str(refused.value)
