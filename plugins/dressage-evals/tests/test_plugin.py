"""The plugin as a whole: what it registers, what its import costs, what its README says."""

from pathlib import Path

from dressage.testing import HEAVY, PluginContract


class TestPlugin(PluginContract):
    plugin = "dressage_evals"
    registers = {
        "evaluator": [
            "answered", "bias", "distinct", "length", "perplexity", "profane-words", "refusal", "repetition",
            "toxicity",
        ],
    }  # fmt: skip
    heavy = HEAVY | {"dressage_evals.words"}
    readme = Path(__file__).parents[1] / "README.md"
