"""The plugin as a whole: what it registers, what its import costs, what its README says."""

from pathlib import Path

from dressage.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "dressage_bias"
    registers = {"reward": ["bias", "bias-classifier"]}
    readme = Path(__file__).parents[1] / "README.md"
