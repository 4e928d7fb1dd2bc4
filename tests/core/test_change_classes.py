"""What kind of a change it is: patterns, labels, and which class comes first."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.change_classes import BUILT_IN, Classes, Patterns, check_pattern, expression_of

PLAIN = Classes({})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/pay/view.py", "code"),
        ("Makefile", "code"),
        ("infra/iam/roles.tf", "iam"),
        ("k8s/rbac.yaml", "iam"),
        ("deploy/admin-role-binding.yml", "iam"),
        ("infra/network.tf", "iac"),
        ("services/api/Dockerfile", "iac"),
        ("charts/api/values.yaml", "iac"),
        ("db/migrations/0007_add_vat.sql", "database-migration"),
        ("alembic/versions/a.py", "database-migration"),
        ("contracts/order.proto", "shared-contract"),
        ("api/openapi.yaml", "api-contract"),
        ("functions/resize/handler.py", "serverless"),
        ("grafana/dashboards/api.json", "observability"),
        ("alerts/api.rules.yml", "observability"),
        ("docs/runbooks/failover.md", "runbook"),
        ("docs/rfcs/0007.md", "design"),
        ("docs/index.md", "docs"),
        ("README.md", "docs"),
        # what only looks like a document
        ("requirements/runtime.txt", "code"),
        ("requirements-dev.txt", "code"),
        ("CMakeLists.txt", "code"),
        # a directory's name is a whole name
        ("src/diamond/rubiam/x.py", "code"),
        ("mydocs/x.py", "code"),
    ],
)
def test_a_path_has_one_class(path: str, expected: str) -> None:
    assert PLAIN.of_path(path) == expected
    assert PLAIN.of_path(path) == expected  # remembered


@pytest.mark.parametrize(
    ("pattern", "means", "not_these"),
    [
        ("*.tf", ("a.tf", "x/y/a.tf"), ("a.tfx", "a_tf")),
        ("docs/", ("docs/a", "x/docs/y/z"), ("docs", "mydocs/a")),
        ("/docs/", ("docs/a",), ("x/docs/a",)),
        ("db/schema.rb", ("db/schema.rb",), ("x/db/schema.rb", "db/schema.rb2")),
        ("**/vat*.py", ("vat.py", "a/b/vat_de.py"), ("a/b/xvat.py",)),
        ("a/**", ("a/b", "a/b/c"), ("b/a/c",)),
        ("a/*/c", ("a/b/c", "a/b/c/d"), ("a/b/x/c",)),
        ("file?", ("file1", "x/file2"), ("file", "file12")),
        ("a.b", ("a.b",), ("axb",)),
    ],
)
def test_patterns_mean_what_they_mean_in_codeowners(
    pattern: str, means: tuple[str, ...], not_these: tuple[str, ...]
) -> None:
    found = re.compile(expression_of(pattern)).search
    assert [path for path in means if not found(path)] == []
    assert [path for path in not_these if found(path)] == []


NAMES = ["a", "b", "iam", "x.tf", "docs", "db", "schema.rb", "my-rbac-x.yaml", "a.md\n", "a\n", "", "design"]
PATTERNS = [
    "a",
    "/a",
    "a/",
    "/a/",
    "**/a",
    "**/a/",
    "a/b",
    "a/*",
    "*",
    "a*",
    "?",
    "*.m?",
    "a//",
    "design/*.md",
]
INTRICATE = ["**", "a/**", "**/", "a**b", "b/**/a", "**/**/a"]


@given(
    st.dictionaries(
        st.sampled_from(["one", "two", "iam"]),
        st.lists(st.sampled_from(PATTERNS), max_size=3)
        | st.lists(st.sampled_from(PATTERNS + INTRICATE), max_size=3),
    ),
    st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), min_size=1),
)
def test_a_path_has_the_first_class_whose_expressions_match(
    declared: dict[str, list[str]], paths: list[str]
) -> None:
    own = {name: Patterns(tuple(patterns)) for name, patterns in declared.items()}
    kinds = {**{name: own[name] for name in sorted(own)}, **BUILT_IN, **own}
    classes = Classes(own)
    for path in paths:
        expected = next(
            (
                name
                for name, kind in kinds.items()
                if any(re.search(expression_of(pattern), path) for pattern in kind.paths)
            ),
            "code",
        )
        if expected == "docs" and path == "requirements.txt":
            expected = "code"
        assert classes.of_path(path) == expected, path


def test_a_change_has_the_classes_of_its_paths_and_labels_the_most_telling_first() -> None:
    assert PLAIN.of(["README.md", "src/a.py", "infra/iam/a.tf"], []) == ["iam", "code", "docs"]
    assert PLAIN.of(["README.md"], ["Security"]) == ["security-patch", "docs"]
    assert PLAIN.of([], []) == ["code"]
    assert PLAIN.of(["docs/a.md"], ["unknown"]) == ["docs"]


def test_what_is_declared_comes_first_and_may_replace_what_is_built_in() -> None:
    own = Classes({"money": Patterns(("infra/rates/",)), "iam": Patterns(("secrets/",), ("keys",))})
    assert own.of_path("infra/rates/a.tf") == "money"
    assert own.of_path("secrets/a.md") == "iam"
    assert own.of_path("infra/iam/a.tf") == "iac"  # the built-in patterns of iam are no more
    assert own.of(["a.py"], ["KEYS", "rbac"]) == ["iam", "code"]


@pytest.mark.parametrize("pattern", ["!docs/", "/", "//", "a[bc]", "a\\b"])
def test_patterns_that_mean_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"a pattern|write a path"):
        check_pattern(pattern)


def test_every_built_in_pattern_is_one() -> None:
    for kind in BUILT_IN.values():
        for pattern in kind.paths:
            check_pattern(pattern)
