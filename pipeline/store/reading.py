"""Which statements only read. The engine's own read-only mode lets some through that write files."""

from __future__ import annotations

import re

from pipeline.store.errors import InvalidQuery

_READING = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
#: texts, quoted names and comments: nothing in them is a keyword
_QUOTED = re.compile(
    r"""'(?:\\.|''|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/""", re.DOTALL
)
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_FORMAT = re.compile(r"\bFORMAT\s+[A-Za-z]\w*\s*$", re.IGNORECASE)
_OUTFILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_INSERT = re.compile(r"\bINSERT\s+INTO\b", re.IGNORECASE)


def refuse_writing(statement: str) -> None:
    """Raise ``InvalidQuery`` unless a statement only reads: it begins like one, and writes no file."""
    bare = _QUOTED.sub(" ", statement)
    first = _FIRST_WORD.match(bare)
    if first is None or first.group(1).upper() not in _READING:
        taken = ", ".join(sorted(_READING))
        raise InvalidQuery(f"only statements that read are taken ({taken}): nothing can be changed here")
    if _OUTFILE.search(bare) or _INSERT.search(bare):
        raise InvalidQuery(
            "nothing can be written here: print the answer with --format json or csv, and redirect it"
        )


def refuse_format(statement: str) -> None:
    """Raise ``InvalidQuery`` for a statement that asks for its answer in a format."""
    if _FORMAT.search(statement):
        raise InvalidQuery("leave the FORMAT clause away: the answer is a table, printed as you ask for it")
