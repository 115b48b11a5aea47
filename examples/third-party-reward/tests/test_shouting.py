"""The contracts of a plugin and of a reward, and two numbers by hand."""

from pathlib import Path

import dressage
import dressage_shouting
import pytest
from dressage.testing import PluginContract, RewardContract


class TestPlugin(PluginContract):
    plugin = "dressage_shouting"
    registers = {"reward": ["shouting"]}
    readme = Path(__file__).parents[1] / "README.md"


class TestShouting(RewardContract):
    component = dressage_shouting.Shouting


@pytest.mark.parametrize(("text", "share"), [("STOP now", 0.5), ("stop", 0), ("", 0), ("ÄÖ", 1), ("请 A", 1 / 3)])
def test_the_share_of_capital_letters(text, share):
    batch = dressage.Batch((dressage.Prompt(text="?"),), (text,), (True,))
    reward = dressage_shouting.Shouting(dressage.NoOptions(), dressage.Context())
    assert reward.score(batch) == pytest.approx([share])


def test_less_is_better():
    assert dressage_shouting.Shouting.goal == "min"


def test_the_plugin_fits_in_twenty_lines():
    assert len(Path(dressage_shouting.__file__).read_text(encoding="utf-8").splitlines()) <= 20
