"""A page of at most 25 lines: lines that must be there, and lines that give way when there are more."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.explain.words import clock, cut, flow

LINES_MAX = 25
_LABEL = 9
_MUST = 0


class Page:
    """Collects lines, each cut to the width; the least important give way first."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._lines: list[tuple[int, str]] = []

    def line(self, text: str) -> None:
        """A line that must be there."""
        self._lines.append((_MUST, cut(text.rstrip(), self.width)))

    def optional(self, rank: int, text: str) -> None:
        """A line that gives way, the higher its rank the sooner; nothing when it is empty."""
        if text.strip():
            self._lines.append((rank, cut(text.rstrip(), self.width)))

    def blank(self) -> None:
        """An empty line; the first to give way."""
        self._lines.append((99, ""))

    def field(self, name: str, text: str) -> None:
        """``name`` in its column, then the text; nothing when there is no text."""
        if text:
            self.line(f"{name:<{_LABEL}}  {text}")

    def flow(
        self, start: str, phrases: Sequence[str], *, lines_max: int, rank: int = _MUST, between: str = "; "
    ) -> None:
        """Phrases over a few lines, all of this rank; a later line gives way before an earlier one."""
        for text in flow(start, phrases, self.width, lines_max=lines_max, between=between):
            self._lines.append((rank, cut(text, self.width)))

    def flow_field(self, name: str, phrases: Sequence[str], *, lines_max: int, between: str = "; ") -> None:
        """Phrases behind a name in its column; they must be there."""
        self.flow(f"{name:<{_LABEL}}  ", phrases, lines_max=lines_max, between=between)

    def known_at(self, as_of: int | None) -> None:
        """Say that this is not what is known now."""
        if as_of is not None:
            self.line(f"  as it was known at {clock(as_of)} UTC")

    def text(self) -> str:
        """All lines, each with its newline."""
        lines = list(self._lines)
        while len(lines) > LINES_MAX:
            worst = max(range(len(lines)), key=lambda index: (lines[index][0], index))
            rank, before = lines[worst - 1]
            if rank == lines[worst][0]:  # the sentence before ends where it is cut off now
                lines[worst - 1] = (rank, before.rstrip(";, "))
            del lines[worst]
        return "".join(f"{text}\n" for _, text in lines)
