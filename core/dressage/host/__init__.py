"""Finds the plugins and checks a run's YAML against them. Never imports torch."""

from dressage.host.catalog import Catalog, Command
from dressage.host.config import check, check_document
from dressage.host.discovery import Discovery, discover

__all__ = ["Catalog", "Command", "Discovery", "check", "check_document", "discover"]
