"""Lengths of time, in microseconds as all times of the core."""

from __future__ import annotations

from pipeline.core.events import MICROSECONDS

MINUTE = 60 * MICROSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
