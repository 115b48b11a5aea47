"""Data files to rows: JSON Lines in several shapes, read into `Example`s with every fault named by file and line."""

from dressage.run.data.table import Table, join, read

__all__ = ["Table", "join", "read"]
