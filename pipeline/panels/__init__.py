"""What is shown: every panel once, by the dashboard it stands on.

Grafana's dashboards are generated from these (``make generate``), and ``aftermerge up`` draws them.
"""

from __future__ import annotations

from typing import Final

from pipeline.panels.debug import DEBUG
from pipeline.panels.executive import EXECUTIVE
from pipeline.panels.on_call import ON_CALL
from pipeline.panels.panel import Dashboard
from pipeline.panels.review import REVIEW

__all__ = ["DASHBOARDS", "Dashboard"]

DASHBOARDS: Final[tuple[Dashboard, ...]] = (EXECUTIVE, ON_CALL, DEBUG, REVIEW)
