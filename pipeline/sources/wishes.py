"""Whether an English remark asks for something to be done: in the imperative, politely, or as what should be.

Every clause is looked at by itself, once, word by word, without grammar. So it errs. Verbs that are nouns as
often ask for something only with what usually stands between a verb and its object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: what ends a clause: punctuation before a gap, brackets, dashes
_CLAUSE_ENDS = re.compile(r"[.!?;:,…](?=\s|$)|[()\n—–]|\s-++\s")
#: a substitution as sed writes it: s/old/new/
_SUBSTITUTION = re.compile(r"s/[^/\s]{1,200}/[^/\s]{0,200}(?:/|$)")

#: verbs that open a clause in the imperative
_VERBS = vocabulary(
    "add adjust allow apply avoid bump call capitalize clarify combine compute consider consolidate convert"
    " correct create declare define delete deprecate describe disable document drop elaborate enable ensure"
    " exclude explain expose extend extract fold generalize guard handle hide hoist ignore include indent"
    " inline insert introduce invert keep leave limit make mention merge migrate modify move normalize omit"
    " pass pick prefer prefix preserve provide pull put raise rebase reconsider reduce refactor reformulate"
    " remove rename reorder rephrase replace restore restrict reuse revert reverse rework reword rewrite"
    " sanitize separate simplify skip sort specify split squash strip swap switch tweak unify unwrap update"
    " use validate verify wrap write"
)
#: these are nouns as often: "change the name" asks, "change looks good" does not
_NOUN_VERBS = vocabulary(
    "address annotate break cache change check cite comment copy fix link lint list log look mark mock move"
    " name note open order print return run see set show start stop store test throw try type"
)
_OBJECTS = vocabulary(
    "a all an another any as at away back both by code each every everything for from her here how if in"
    " instead into it its my on one only our out over some that the their them there these this those to"
    " up what when where whether which with your"
)
#: verbs with the word that makes something else of them: "use of", "make sense"
_NO_REQUEST = frozenset(
    (verb, other)
    for verb, others in {
        "use": "of case cases",
        "make": "sense",
        "keep": "up",
        "merge": "conflict conflicts",
        "see": "what",
        "pull": "request",
        "call": "it",
    }.items()
    for other in others.split()
)
#: what may stand before an imperative
_BEFORE = vocabulary(
    "actually also always and better but either else first finally hence however instead just kindly maybe"
    " minor never nit nitpick nitpicking nits ok okay optional optionally or otherwise perhaps possibly"
    " probably rather similarly so suggestion then therefore though todo typo yes"
)
#: what stands between "should" and its verb
_BETWEEN = vocabulary("also already all both just now probably really then still")
#: "this should work" promises; "this should be renamed" asks
_PROMISES = vocabulary(
    "address allow cover do fix handle help make match mean pass resolve result solve suffice work"
)
_STATES = vocabulary(
    "able addressed available clear correct done easy enough fine fixed good okay ok possible ready resolved"
    " safe sufficient there working"
)
_MODALS = frozenset({"should", "shouldn't", "must", "mustn't", "shall", "ought"})
_NEEDS = frozenset({"need", "needs", "has", "have"})
_NOT = frozenset({"no", "not", "don't", "doesn't", "didn't", "won't", "never", "i", "i'll"})
_ASKED = frozenset({"you", "we"})
_CAN = frozenset({"can", "could", "would", "will", "may", "might"})
_WISHED = vocabulary(
    "better cleaner clearer cool easier good great helpful nice nicer preferable safer simpler useful worth"
)
_PREFER = frozenset({"prefer", "suggest", "recommend", "propose", "rather"})
_PLEASE = frozenset({"please", "pls", "plz"})


def asks(text: str) -> bool:
    """Whether one of the clauses of a text without code and quotations asks for something."""
    return any(_clause(clause.lower().split()) for clause in _CLAUSE_ENDS.split(text) if clause)


def _clause(written: Sequence[str]) -> bool:
    words = [word for part in written if (word := part.strip("\"'*_~`-+•[]{}<>/\\|").removeprefix("@"))]
    if any(_SUBSTITUTION.match(part) for part in written[:2]):
        return True
    if not words:
        return False
    return _imperative(words) or not _PLEASE.isdisjoint(words) or _politely(words) or _should(words)


def _imperative(words: list[str]) -> bool:
    place = next((place for place, word in enumerate(words) if word not in _BEFORE), len(words))
    if place == len(words):
        return False
    word, following = words[place], words[place + 1 : place + 3]
    if word in ("don't", "let's", "lets"):
        return bool(following) and following[0] not in ("see", "worry", "know", "think", "mind")
    if word == "do" and following[:1] == ["not"]:
        return len(following) > 1
    return _verb(word, following[0] if following else "")


def _verb(word: str, following: str) -> bool:
    if (word, following) in _NO_REQUEST:
        return False
    return word in _VERBS or (word in _NOUN_VERBS and following in _OBJECTS)


def _politely(words: list[str]) -> bool:
    """Could you, can we, you might want to, it would be nice if, I'd prefer."""
    return any(_polite(word, words[place + 1 : place + 4]) for place, word in enumerate(words[:-1]))


def _polite(word: str, following: list[str]) -> bool:
    """The same of one word of a clause and at least one after it."""
    first, *after = following
    if word in _CAN and first in _ASKED:
        # "can we" wants what follows, "will we" only asks about it
        return bool(after) and (first == "you" or word in ("can", "could"))
    if word in _ASKED and first in _CAN:
        after = [part for part in after if part not in _BETWEEN]
        return after[:1] in (["want"], ["consider"]) or (bool(after) and _verb(after[0], after[-1]))
    if word in ("would", "might", "it'd", "that'd") and first == "be":
        return not _WISHED.isdisjoint(after)
    if word == "i" and first not in ("would", *_PREFER):
        return False
    if word in ("i", "i'd", "we'd"):
        wanted = [part for part in following if part != "would"]
        return bool(wanted) and (wanted[0] in _PREFER or (len(wanted) > 1 and wanted[0] in _VERBS))
    return (word, first) == ("how", "about")


def _should(words: list[str]) -> bool:
    """This should be a constant, this needs a test; but neither "should I" nor "this should work"."""
    for place, word in enumerate(words[1:], start=1):
        following = [part for part in words[place + 1 : place + 5] if part not in _BETWEEN]
        first, second = (*following, "", "")[:2]
        before = words[place - 1]
        if before in _NOT or not first:
            continue
        if word in _MODALS:
            if first in _PROMISES or (first in ("be", "now") and second in _STATES):
                continue
            return True
        if word in _NEEDS and first == "to":
            return True
        if word == "needs" and first in ("a", "an", "some", "more", "tests", "docs", "documentation"):
            return True
    return False
