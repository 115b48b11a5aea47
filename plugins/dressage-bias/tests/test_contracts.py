"""Both rewards keep the contract of a reward."""

import pytest
from dressage import NoOptions, Reward
from dressage.testing import RewardContract
from dressage_bias.classifier import Classifier
from dressage_bias.gap import Gap
from dressage_bias.options import ClassifierOptions


class Letters(Reward[NoOptions]):
    """The number of letters; no opinion on none."""

    def score(self, batch):
        return [float(sum(map(str.isalpha, response))) or None for response in batch.responses]


class TestGap(RewardContract):
    component = Gap
    options = {"source": "letters", "extra": {"animals": [["horse", "pony"], ["今天", "明天"]]}}
    uses = {"letters": Letters}


class TestClassifier(RewardContract):
    component = Classifier

    @pytest.fixture(autouse=True, scope="class")
    def _model(self, save_classifier):
        TestClassifier.options = ClassifierOptions(model=str(save_classifier("neutral", "biased")), labels=("biased",))
