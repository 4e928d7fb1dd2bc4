"""Measures of the process: how long things took, and in whose hours; pure."""
