"""The candidates of one incident as columns: who can be its cause at all, and how near it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.board import NEVER, Board
from pipeline.core.catalogue import Catalogue
from pipeline.core.events import MICROSECONDS
from pipeline.core.evidence import Case, Codes, Flags, Times
from pipeline.core.grouping import Group
from pipeline.core.kernel import Floats
from pipeline.core.parameters import Parameters

#: only candidates at least this near are weighed one by one; the others have time and risk alone
NEAR = 0.09


class Field(NamedTuple):
    """The candidates of one incident as columns, before any judgement.

    ``rows`` are the candidates' rows on the board whose deployments ``board`` lists.
    """

    board: Sequence[Group]
    rows: npt.NDArray[np.int64]
    effective_at: Times
    #: the code of each candidate's service
    codes: Codes
    lag_seconds: Floats
    nearness: Floats
    weight: Floats
    #: whether a later deployment undid it
    undone: Flags
    excluded: dict[str, int]
    #: code and name of the services whose candidates are weighed one by one
    near_services: list[tuple[int, str]]

    def group(self, index: int) -> Group:
        """The deployment behind one candidate."""
        return self.board[int(self.rows[index])]


def lay_out(case: Case, board: Board | None, catalogue: Catalogue, parameters: Parameters) -> Field:
    """Every deployment that can be the cause: in the window, in the environment, still in place."""
    slack = int(3 * parameters.skew_seconds * MICROSECONDS)
    anchor = case.onset.anchor_at
    if board is None:
        empty = np.empty(0)
        nothing = np.empty(0, np.int64)
        codes = np.empty(0, np.int32)
        return Field([], nothing, nothing, codes, empty, empty, empty, np.empty(0, np.bool_), {}, [])
    rows = board.between(anchor - parameters.window, anchor + slack)
    effective = board.effective_at[rows]
    weight = board.weight[rows]
    undone_at = board.undone_at[rows]
    undone = undone_at < case.onset.at - int(case.onset.window_seconds / 2 * MICROSECONDS)
    excluded = {
        "undone before the onset": int(np.count_nonzero(undone)),
        "set aside by a person": int(np.count_nonzero(board.ignored[rows])),
        "never served": int(np.count_nonzero(~board.served[rows])),
    }
    codes = board.service[rows]
    present = np.flatnonzero(np.bincount(codes)).tolist()
    nearness_of = np.zeros(len(board.names) + 1)
    for code in present:
        nearness_of[code] = catalogue.nearness(
            case.service, board.names[code], parameters.reach, len(present)
        )
    nearness = nearness_of[codes]
    keep = np.flatnonzero(~undone & (weight > 0))
    lag = (anchor - effective) / MICROSECONDS
    return Field(
        board.groups,
        keep + rows.start,
        effective[keep],
        codes[keep],
        lag[keep],
        nearness[keep],
        weight[keep],
        undone_at[keep] != NEVER,
        {name: count for name, count in excluded.items() if count},
        [(code, board.names[code]) for code in present if nearness_of[code] >= NEAR],
    )
