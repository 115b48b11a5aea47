"""The plugin as a whole: what it registers, what its import costs, what its README says."""

from pathlib import Path

from dressage.testing import HEAVY, PluginContract


class TestPlugin(PluginContract):
    plugin = "dressage_toxicity"
    registers = {"reward": ["classifier", "minilm", "profanity", "toxicity"]}
    heavy = HEAVY | {"detoxify", "profanity_check"}
    readme = Path(__file__).parents[1] / "README.md"
