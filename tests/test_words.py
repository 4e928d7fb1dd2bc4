"""What the files of the project may not say, and what its lock files must."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: what no file of the project says. Each pattern is written so that it does not match itself.
UNSPEAKABLE = {
    "the host of a package registry": re.compile(
        r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|crates\.io|proxy\.golang\.org"
        r"|repo1?\.maven\.[a-z]+|deb\.debian\.org|archive\.ubuntu\.com)\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w.$}/-])/(?:work|root|opt/wheels|tmp/plan|tmp/bash_jobs)/"),
    "a directory outside the project": re.compile(r"\.\./s[h]ared|\bs[h]ared/(?:histories|research|hooks)\b"),
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"),
}
#: other people's words, kept as they were
FOREIGN = {".gz", ".jsonl", ".zst", ".avro", ".bin", ".png", ".bundle"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the checkout that is in git, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: there is no list of the project's own files")
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


def complain(wrong: Iterable[str]) -> None:
    lines = sorted(set(wrong))
    assert not lines, "\n" + "\n".join(lines)


def test_the_project_speaks_of_itself_alone() -> None:
    wrong = []
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if path.suffix in FOREIGN:
            continue
        for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            wrong += [
                f"{name}:{number}: {what}" for what, pattern in UNSPEAKABLE.items() if pattern.search(text)
            ]
    complain(wrong)


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    wrong = []
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in filter(str.strip, text.splitlines()):
            if "://" in line or line.startswith("-") or " @ " in line:
                wrong.append(f"{path.name}: names a place to fetch from: {line[:60]}")
            if "--hash=sha256:" not in line:
                wrong.append(f"{path.name}: no hash: {line[:60]}")
    pins = Counter(
        re.findall(r"^([\w.-]+)==", (ROOT / "requirements/dev.txt").read_text(encoding="utf-8"), re.M)
    )
    assert pins["chdb"] == pins["pytest"] == pins["hatchling"] == 1
    complain(wrong)
