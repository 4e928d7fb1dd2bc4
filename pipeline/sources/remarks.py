"""What the text of a comment amounts to, so that the text itself need not be kept: Markdown, mostly English.

Quotations, blocks of code and what Markdown hides are no words of the remark. A span of code and an address
are one word each, whatever is in them. Only the first ``TEXT_CHARACTERS_MAX`` characters are looked at, and
each of them a bounded number of times: patterns here never repeat what may be given back.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from pipeline.sources import texts
from pipeline.sources.wishes import asks, vocabulary

#: stand for what is not read: a span of code, an address
_SPAN, _ADDRESS = "codespan", "address"

_NEWLINE = re.compile(r"\r\n?")
_FENCE = re.compile(r"(?:[-*+]\s++)?(`{3,}+|~{3,}+)(.*+)")
_SUGGESTION = re.compile(r"suggestion(?:[:\s]|$)", re.IGNORECASE)
_LIST_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s")
_INDENTED = ("    ", "\t")
_TICKS = re.compile(r"(`++)")
_HIDDEN_BEGINS, _HIDDEN_ENDS = "<!--", "-->"
_URL = re.compile(r"(?:https?://|www\.)[^\s<>]++", re.IGNORECASE)
#: what ends a sentence, not an address
_AFTER_URL = "?!.,:;*_~'\")]}"
_LINK_TARGET = re.compile(r"\]\([^()\n]*+\)")
_PICTURE = re.compile(r"<img\b[^<>]*+>|!\[\]", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*+>")
_SHORTCODE = re.compile(r"(?<![\w:]):(?:[+-]1|100|[A-Za-z][\w+-]{0,49}):(?![\w:])")
#: emoji that are made of a letter or a digit
_LETTER_EMOJI = re.compile("[0-9#*]\ufe0f?\u20e3|\u2139")
_QUESTION_MARKS = "?？؟"
_AROUND_VOTE = "*_~`.,;:!()[]"
_ENCLOSING = "\"'*_~`-•.,;:!?()[]{}<>/\\|#=>…“”‘’？؟"

#: one of these makes a remark filler, if nothing but these and those below stands there
_FILLER = vocabulary(
    "+1 -1 ack acked agree agreed amazing approve approved awesome beautiful brilliant cheers congrats"
    " cool ditto done exactly excellent fair fantastic fine fixed good great haha hello hey hi hooray"
    " ideal k kudos lgtm lol lovely neat nice np nvm oh ok okay perfect perfectly r+ sgtm ship shipit"
    " slick solid sounds splendid superb sure sweet thank thanks thankyou thx tx ty tysm welcome wonderful"
    " woohoo wow yay yeah yep yes yup"
)
_BESIDE_FILLER = vocabulary(
    "a again all already am an and another as at both bug call catch change changes cleanup code"
    " contributing contribution effort ever everybody everyone explaining explanation feedback find first"
    " fix fixing folks for great guys help helping here i i'll i'm idea improvement in is it it's job just"
    " let's like look looked looking looks lot lots love many me merged merging more much my now of on one"
    " out patch point pr pull quick really request review reviewed reviewing reviews right so stuff"
    " suggestion suggestions super team that that's the there they this to too true update updated updates"
    " very was way we well will with work works you you're your"
)
_FILLER_PHRASES = {
    *(
        "fair enough",
        "go ahead",
        "i agree",
        "likewise",
        "love it",
        "love this",
        "me too",
        "on it",
        "same here",
    ),
    *("looks right to me", "makes sense", "makes sense to me", "that makes sense", "you're right"),
    *("that works", "this works", "works for me", "well done", "will do", "will fix"),
}


class Remark(NamedTuple):
    """What a text amounts to, under the names of the fields of events."""

    words: int
    characters: int
    #: it holds code, in a span or a block, that is no suggestion
    code: bool
    #: it holds replacement text that can be applied as it stands
    suggestion: bool
    question: bool
    request: bool
    #: it says nothing but thanks, praise, agreement or emoji, or nothing at all
    filler: bool


def features(text: str) -> Remark:
    """What a remark amounts to; ``characters`` is the length of all of it."""
    own, code, suggestion = _own_text(text[: texts.TEXT_CHARACTERS_MAX])
    own, spans = _without_spans(_without_hidden(own))
    prose = _prose(own)
    parts = prose.split()
    words = sum(1 for part in parts if _is_word(part))
    code = code or spans
    question = _asks_a_question(prose)
    # of those whose words are counted, most ask for nothing
    request = words > 0 and asks(prose)
    filler = not (code or suggestion or question or request) and _is_filler(parts, words)
    return Remark(words, len(text), code, suggestion, question, request, filler)


def _own_text(text: str) -> tuple[str, bool, bool]:
    """The lines that are neither quoted nor in a block of code; whether there is one, or a suggestion."""
    own: list[str] = []
    fence, code, suggestion = "", False, False
    after_gap, in_list = True, False
    for line in _NEWLINE.sub("\n", text).split("\n"):
        stripped = line.strip()
        if fence:
            # a fence ends with at least as many of its own characters, and nothing else
            if stripped.startswith(fence) and not stripped.strip(fence[0]):
                fence, after_gap = "", True
        elif stripped.startswith(">"):
            own.append("")
            after_gap = True
        elif (opened := _FENCE.match(stripped)) and not (opened[1][0] == "`" and "`" in opened[2]):
            fence = opened[1]
            if _SUGGESTION.match(opened[2].strip()):
                suggestion = True
            else:
                code = True
            own.append("")
        elif after_gap and stripped and not in_list and line.startswith(_INDENTED):
            code = True
        else:
            if stripped and not line.startswith((" ", "\t")):
                in_list = False
            in_list = in_list or _LIST_ITEM.match(stripped) is not None
            after_gap = not stripped
            own.append(line if stripped else "")
    return "\n".join(own), code, suggestion


def _without_hidden(text: str) -> str:
    """Without the comments that nobody is shown; one that never ends hides the rest."""
    if _HIDDEN_BEGINS not in text:
        return text
    shown, place = [], 0
    while (begin := text.find(_HIDDEN_BEGINS, place)) >= 0:
        shown.append(text[place:begin])
        end = text.find(_HIDDEN_ENDS, begin)
        if end < 0:
            return " ".join(shown)
        place = end + len(_HIDDEN_ENDS)
    return " ".join([*shown, text[place:]])


def _without_spans(text: str) -> tuple[str, bool]:
    """Each span of code as one word, and whether there was one.

    A span ends in its paragraph, at as many ticks as it began with.
    """
    if "`" not in text:
        return text, False
    spoken = "\n\n".join(map(_paragraph_without_spans, text.split("\n\n")))
    return spoken, spoken != text


def _paragraph_without_spans(text: str) -> str:
    if "`" not in text:
        return text
    # what stands between ticks, and the ticks, by turns
    parts = _TICKS.split(text)
    ahead = Counter(map(len, parts[1::2]))
    spoken, opened = [parts[0]], 0
    for ticks, after in zip(parts[1::2], parts[2::2], strict=True):
        length = len(ticks)
        ahead[length] -= 1
        if opened == length:
            opened = 0
            spoken += [_SPAN, after]
        elif not opened and ahead[length] and not spoken[-1].endswith("\\"):
            opened = length
        elif not opened:
            spoken += [ticks, after]
    return "".join(spoken)


def _prose(text: str) -> str:
    """What is left for a person to read: no targets of links, tags or emoji."""
    text = _PICTURE.sub(" image", text) if "<" in text or "!" in text else text
    text = _LINK_TARGET.sub("]", text) if "](" in text else text
    text = _URL.sub(_address, text)
    text = _TAG.sub(" ", text) if "<" in text else text
    text = _SHORTCODE.sub(" ", text) if ":" in text else text
    return _LETTER_EMOJI.sub(" ", text).replace("’", "'")


def _address(match: re.Match[str]) -> str:
    url = match[0]
    return _ADDRESS + url[len(url.rstrip(_AFTER_URL)) :]


def _is_word(part: str) -> bool:
    return any(map(str.isalnum, part))


def _asks_a_question(prose: str) -> bool:
    """A question mark at the end of a word, or apart at the end of a line; not that of ``a ? b : c``."""
    if not any(mark in prose for mark in _QUESTION_MARKS):
        return False
    for line in prose.split("\n"):
        parts = [part for part in (part.rstrip("\"'*_~)]}!.…”’") for part in line.split()) if part]
        for number, part in enumerate(parts, start=1):
            if part[-1] in _QUESTION_MARKS and (number == len(parts) or part.strip(_QUESTION_MARKS)):
                return True
    return False


def _is_filler(parts: list[str], words: int) -> bool:
    """Whether nothing but what is kind, or nothing at all, is said; emoji are no words."""
    if not words:
        return True
    said = []
    for part in parts:
        word = part.lower().strip(_ENCLOSING)
        if word == "1" and part.strip(_AROUND_VOTE) == "-1":
            word = "-1"
        if _is_word(word) and not part.startswith("@"):
            said.append(word)
    known = set(said)
    kind = not known.isdisjoint(_FILLER) and known <= _FILLER | _BESIDE_FILLER
    return kind or " ".join(said) in _FILLER_PHRASES
