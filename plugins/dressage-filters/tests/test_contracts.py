"""Every filter keeps its contract."""

from dressage import NoOptions, Reward
from dressage.testing import FilterContract
from dressage_filters.duplicates import ExactDuplicates
from dressage_filters.length import Length
from dressage_filters.mojibake import Mojibake
from dressage_filters.near import NearDuplicates
from dressage_filters.pii import PII
from dressage_filters.score import ByScore


class Characters(Reward[NoOptions]):
    """The number of characters; no opinion on none."""

    def score(self, batch):
        return [float(len(response)) or None for response in batch.responses]


class TestExactDuplicates(FilterContract):
    component = ExactDuplicates


class TestExactDuplicatesOfPrompts(FilterContract):
    component = ExactDuplicates
    options = {"part": "prompt", "fold": True}


class TestNearDuplicates(FilterContract):
    component = NearDuplicates


class TestNearDuplicatesOfAnswers(FilterContract):
    component = NearDuplicates
    options = {"part": "answer", "unit": "words", "threshold": 0.5}


class TestLength(FilterContract):
    component = Length
    options = {"minimum": 1, "maximum": 20}


class TestByScore(FilterContract):
    component = ByScore
    options = {"source": "characters", "drop_above": 100, "part": "both"}
    uses = {"characters": Characters}


class TestMojibake(FilterContract):
    component = Mojibake


class TestMojibakeDropping(FilterContract):
    component = Mojibake
    options = {"action": "drop", "part": "answer"}


class TestPII(FilterContract):
    component = PII


class TestPIIDropping(FilterContract):
    component = PII
    options = {"action": "drop", "part": "answer"}
