"""Partitions that are kept ready for the end of whoever folds them."""
