"""What comments amount to: a table of them, laws, and that no text takes long."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import remarks, texts, wishes
from pipeline.sources.remarks import Remark, features
from tests.sources.bounds import Peak, memory_bytes_max, watched

#: a comment, the number of its words, and what holds of it
COMMENTS = [
    # filler
    ("", 0, "filler"),
    ("   \n\n", 0, "filler"),
    ("LGTM", 1, "filler"),
    ("lgtm!", 1, "filler"),
    ("**LGTM** :tada:", 1, "filler"),
    ("Thanks!", 1, "filler"),
    ("Thank you so much for the review @noor", 8, "filler"),
    ("+1", 1, "filler"),
    ("-1", 1, "filler"),
    (":+1:", 0, "filler"),
    (":white_check_mark: :100:", 0, "filler"),
    ("👍👍🏽", 0, "filler"),
    ("1️⃣ ℹ️", 0, "filler"),
    ("Nice catch, fixed.", 3, "filler"),
    ("Looks good to me", 4, "filler"),
    ("Good point, will fix", 4, "filler"),
    ("Will do.", 2, "filler"),
    ("Done", 1, "filler"),
    ("Makes sense to me", 4, "filler"),
    ("...", 0, "filler"),
    ("![LGTM](https://lgtm.example/p/7)", 1, "filler"),
    ("<!-- why? please fix -->", 0, "filler"),
    ("Great work <br> thanks", 3, "filler"),
    ("> Could this overflow?\n\nThanks!", 1, "filler"),
    # says something, but neither asks nor shows code
    ("This is not right", 4, ""),
    ("No good", 2, ""),
    ("The total is rounded twice here.", 6, ""),
    ("It looks good apart from the totals", 7, ""),
    ("see https://ci.example/job?id=7", 2, ""),
    ("https://ci.example/job/7", 1, ""),
    ("[the docs](https://docs.example/a?b) say so", 4, ""),
    ("![](https://img.example/x.png)", 1, ""),
    ('<img width="10" alt="why?" src="https://img.example/x.png">', 1, ""),
    ("At 12:30:45 the build broke", 5, ""),
    ("std::vector::size is slow", 3, ""),
    ("Fix is in #12", 4, ""),
    ("Test coverage went down", 4, ""),
    ("Use of globals is bad", 5, ""),
    ("Change looks risky", 3, ""),
    ("this should work now", 4, ""),
    ("That should be fine, there are three of them", 9, ""),
    ("I should have seen it", 5, ""),
    ("There is no need to hurry", 6, ""),
    ("See above", 2, ""),
    ("zero ? one : two", 3, ""),
    ("Pleased with that one", 4, ""),
    # questions
    ("Why?", 1, "question"),
    ("why ?", 1, "question"),
    ("Is this *really* needed?**", 4, "question"),
    ("Is it (still) used?)", 4, "question"),
    ("LGTM?", 1, "question"),
    ("???", 0, "question"),
    ("Did you see https://ci.example/job/7?", 4, "question"),
    ("Why not two? It would be slower.", 7, "question"),
    ("どうして？", 1, "question"),
    ("should we?", 2, "question"),
    ("> It is slow.\n\nHow slow is it?", 4, "question"),
    # requests
    ("please rename", 2, "request"),
    ("Rename this", 2, "request"),
    ("Use X instead", 3, "request"),
    ("nit: remove the blank line", 5, "request"),
    ("Otherwise, add a test.", 4, "request"),
    ("This should be a constant", 5, "request"),
    ("it needs a test", 4, "request"),
    ("We need to handle the empty list", 7, "request"),
    ("Change the name", 3, "request"),
    ("Don't use globals", 3, "request"),
    ("do not log this", 4, "request"),
    ("Let's drop it", 3, "request"),
    ("- add a test\n- fix the name", 6, "request"),
    ("You might want to split this", 6, "request"),
    ("you could use a set here", 6, "request"),
    ("It would be nice to have a test", 8, "request"),
    ("I'd prefer a constant", 4, "request"),
    ("I would rename it", 4, "request"),
    ("I suggest a shorter name", 5, "request"),
    ("s/recieve/receive/", 1, "request"),
    ("This mustn't be public", 4, "request"),
    ("Thanks, please squash", 3, "request"),
    ("Could you add a test?", 5, "question request"),
    ("Can we drop this?", 4, "question request"),
    ("How about a constant?", 4, "question request"),
    # code and suggestions
    ("`total`", 1, "code"),
    ("`a ? b` and ``x`y?`` differ", 4, "code"),
    ("`` is no code", 3, ""),
    (r"\`why\` is no code either", 5, ""),
    ("a ` b\n\nc ` d", 4, ""),
    ("rename `a` to `b`", 4, "code request"),
    ("```python\nwhy = 1?\n```", 0, "code"),
    ("```\nplease add\n````\nit ends", 2, "code"),
    ("````\n```\nwhy?\n````\nwell", 1, "code"),
    ("```\nnever closed?", 0, "code"),
    ("~~~\n```\nwhy?\n~~~\nhere", 1, "code"),
    ("It is so:\n\n    why?\n    please\n\nand so on", 6, "code"),
    ("It is so\n    still so", 5, ""),
    ("- one\n\n    is it?", 3, "question"),
    ("```suggestion\nreturn total\n```", 0, "suggestion"),
    ("Simpler:\n```suggestion:-0+1\nreturn a?\n```", 1, "suggestion"),
    ("1. so\n   ```suggestion\r\n   a\r\n   ```\r\nThanks", 3, "suggestion"),
    ("> ```suggestion\n> a\n> ```\n\nApplied that", 2, ""),
    ("```suggestions\na\n```", 0, "code"),
    ("```suggestion\na\n```\n\nwith `a`?", 2, "code suggestion question"),
]
KINDS = ("code", "suggestion", "question", "request", "filler")

#: what Markdown and this module look at, so that Hypothesis finds it
MARKED = st.text(st.sampled_from("ab1 \n\r\t`~>?!.:-+*#/\\()[]<@'😀") | st.characters(), max_size=60)
SAID = st.sampled_from(
    [
        "why?",
        "please rename",
        "`a`",
        "```\nb?\n```",
        "```suggestion\nc\n```",
        "LGTM",
        ":+1:",
        "> quoted?",
        "https://a.example/?b",
    ]
)
COMMENT = st.lists(MARKED | SAID, max_size=4).map("\n".join)
PLAIN = st.text("abc ?,", max_size=30)

#: each of these, over and over, is what a careless pattern chokes on
HOSTILE = (
    "`", "``a`", "` `` ``` ", "~", "```\n", "```a`\n", "> ", ">", "- ", "-    ", " -", " --", "\t",
    " ", "\n", "    a\n\n", "<", "<a", "<a ", "</", "<!--", "<!-- -->", "<img ", "![", "](", "[](",
    "![](", ":", ":a", ":a:b", ":a_" * 30, "https://", "www.", "http://a?", "?", "? ", "?\n", ". ",
    ".", "…", "(", "—", "s/", "s/a/b", "a", "please ", "should ", "you ", "can we ", "i would ",
    "not do ", "@", "'", "\\", "\\`", "1", "1. ", "+1 ", "\ufe0f\u20e3", "\r", "\r\n", "é",
    "\U0001f44d\u200d", "\0",
)  # fmt: skip
#: of one character, all lines of this project that are run for it
LINES_FOR_EACH_CHARACTER_MAX = 40
LINES_MAX = 1_000
#: ten times what is read of a comment: work that grows with the square takes minutes there
LONG_CHARACTERS = 10 * texts.TEXT_CHARACTERS_MAX


@pytest.mark.parametrize(("text", "words", "kinds"), COMMENTS)
def test_comments(text: str, words: int, kinds: str) -> None:
    found = features(text)
    assert (found.words, " ".join(kind for kind in KINDS if getattr(found, kind))) == (words, kinds)
    assert found.characters == len(text)


@given(COMMENT, COMMENT)
def test_quoting_a_text_adds_nothing(quoted: str, text: str) -> None:
    quotation = "\n".join(f"> {line}" for line in re.split(r"\r\n?|\n", quoted))
    whole = features(f"{quotation}\n\n{text}")
    assert whole._replace(characters=len(text)) == features(text)


@given(COMMENT)
def test_filler_has_nothing_else(text: str) -> None:
    found = features(text)
    if found.filler:
        assert not any((found.question, found.request, found.code, found.suggestion))
    if not found.words and not (found.question or found.code or found.suggestion):
        assert found.filler
    assert found.words <= found.characters
    assert found.characters == len(text)


@given(MARKED, st.sampled_from(["`", "~"]), st.sampled_from(["", "go", "suggestion"]))
def test_a_block_says_no_word(text: str, mark: str, language: str) -> None:
    fence = mark * (text.count(mark) + 3)
    suggestion = language == "suggestion"
    nothing = Remark(0, 0, not suggestion, suggestion, question=False, request=False, filler=False)
    assert features(f"{fence}{language}\n{text}\n{fence}")._replace(characters=0) == nothing


@given(PLAIN, PLAIN)
def test_the_words_of_two_paragraphs_are_those_of_both(one: str, other: str) -> None:
    both = features(f"{one}\n\n{other}")
    if not (one.startswith("    ") or other.startswith("    ")):
        assert both.words == features(one).words + features(other).words
        assert both.words == len(re.findall("[?,]*[abc][abc?,]*", f"{one} {other}"))
        assert both.question == (features(one).question or features(other).question)


@given(COMMENT)
def test_only_the_beginning_of_a_text_is_looked_at(text: str) -> None:
    room = texts.TEXT_CHARACTERS_MAX - len("Hm ")
    padded = "Hm " + "." * room + text + " why? please `rename`"
    found = features(padded)
    assert (found.words, found.characters) == (1, len(padded))
    assert not any((found.question, found.request, found.code))


def lines_run(text: str) -> int:
    """How many lines of the modules that read comments are run for one."""
    files, count = {remarks.__file__, wishes.__file__}, 0

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        return local if frame.f_code.co_filename in files else None

    former = sys.gettrace()
    sys.settrace(entered)
    try:
        features(text)
    finally:
        sys.settrace(former)
    return count


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_the_work_is_bounded_by_the_text(unit: str) -> None:
    for head in ("", "a\n", "`"):
        text = (head + unit * texts.TEXT_CHARACTERS_MAX)[: texts.TEXT_CHARACTERS_MAX]
        assert lines_run(text) <= LINES_MAX + LINES_FOR_EACH_CHARACTER_MAX * len(text)


def test_no_pattern_gives_back_what_it_repeated() -> None:
    """Inside ``re`` no line can be counted: what repeats without an end there must be possessive."""
    patterns = [
        value.pattern
        for module in (remarks, wishes)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    ]
    assert len(patterns) > 10
    assert [pattern for pattern in patterns if gives_back(pattern)] == []
    assert gives_back("a+b")
    assert gives_back(r"\[[+*]{2,}x")
    assert not gives_back(r"[a+*]++\*{2,3}")


def gives_back(pattern: str) -> bool:
    """Whether a pattern has ``*``, ``+`` or ``{n,}`` without the ``+`` that makes them possessive."""
    plain = re.sub(r"\[(?:[^\]\\]|\\.)*\]|\\.|[*+}]\+", "_", pattern)
    return re.search(r"[*+]|\{\d*,\}", plain) is not None


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_the_memory_is_bounded_by_the_text(unit: str) -> None:
    text = (unit * texts.TEXT_CHARACTERS_MAX)[: texts.TEXT_CHARACTERS_MAX]
    with Peak() as peak:
        features(text)
    assert peak.bytes < memory_bytes_max(len(text.encode()))


def test_no_text_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "TEXT_CHARACTERS_MAX", LONG_CHARACTERS)
    with watched() as begin:
        for unit in HOSTILE:
            begin()
            assert features((unit * LONG_CHARACTERS)[:LONG_CHARACTERS]).characters == LONG_CHARACTERS
