"""Every rule keeps the contract of a reward."""

from dressage.testing import RewardContract
from dressage_rules.function import Function
from dressage_rules.length import Length
from dressage_rules.pattern import Pattern
from dressage_rules.repetition import Repetition


class TestLength(RewardContract):
    component = Length


class TestLengthWithARange(RewardContract):
    component = Length
    options = {"unit": "characters", "minimum": 3, "maximum": 40}


class TestRepetition(RewardContract):
    component = Repetition


class TestPattern(RewardContract):
    component = Pattern
    options = {"words": ["horse", "抱歉", "不能"], "patterns": [r"\d+"]}


class TestPatternWithSpans(RewardContract):
    component = Pattern
    options = {"words": ["horse", "哈"], "spans": True}


class TestFunction(RewardContract):
    component = Function
    options = {"function": "operator:eq"}
