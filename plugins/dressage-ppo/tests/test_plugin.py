"""The plugin as a whole: what it registers, what its import costs, what its README says."""

from pathlib import Path

from dressage.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "dressage_ppo"
    registers = {"optimizer": ["ppo"]}
    readme = Path(__file__).parents[1] / "README.md"
