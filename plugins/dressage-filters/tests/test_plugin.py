"""The plugin as a whole: what it registers, what its import costs, what its README says."""

from pathlib import Path

from dressage.testing import HEAVY, PluginContract


class TestPlugin(PluginContract):
    plugin = "dressage_filters"
    registers = {"filter": ["by-score", "exact-duplicates", "length", "mojibake", "near-duplicates", "pii"]}
    heavy = HEAVY | {"ftfy", "phonenumbers", "rensa", "stdnum"}
    readme = Path(__file__).parents[1] / "README.md"
