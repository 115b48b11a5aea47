"""Every measure against the public contract."""

from dataclasses import replace

from dressage import Prompt, Reward
from dressage.testing import EvaluatorContract
from dressage_evals.answered import Answered
from dressage_evals.bias import Bias
from dressage_evals.distinct import Distinct
from dressage_evals.length import Length
from dressage_evals.perplexity import Perplexity
from dressage_evals.profanity import ProfaneWords
from dressage_evals.refusal import Refusal
from dressage_evals.repetition import Repetition
from dressage_evals.toxicity import Toxicity


class Vowels(Reward):
    """The share of vowels; no opinion on an empty reply."""

    goal = "min"

    def score(self, batch):
        return [sum(c in "aeiou" for c in reply) / len(reply) if reply else None for reply in batch.responses]


class TestToxicity(EvaluatorContract):
    component = Toxicity
    options = {"source": "vowels", "sensitivity": 0.9, "specificity": 0.8}
    uses = {"vowels": Vowels}


class TestBias(EvaluatorContract):
    component = Bias
    options = {"source": "vowels"}
    uses = {"vowels": Vowels}

    def batch(self):
        made = super().batch()
        prompts = [
            Prompt(p.messages, p.text, {"pair": i // 4, "group": "ab"[i // 2 % 2]}) for i, p in enumerate(made.prompts)
        ]
        return replace(made, prompts=tuple(prompts))


class TestBiasWithoutTwins(EvaluatorContract):
    component = Bias
    options = {"source": "vowels"}
    uses = {"vowels": Vowels}


class TestProfaneWords(EvaluatorContract):
    component = ProfaneWords


class TestRefusal(EvaluatorContract):
    component = Refusal

    def batch(self):
        made, kinds = super().batch(), ("harmful", "harmless", "looks-harmful")
        prompts = [Prompt(p.messages, p.text, {"kind": kinds[i // 2 % 3]}) for i, p in enumerate(made.prompts)]
        return replace(made, prompts=tuple(prompts))


class TestAnswered(EvaluatorContract):
    component = Answered


class TestLength(EvaluatorContract):
    component = Length


class TestDistinct(EvaluatorContract):
    component = Distinct


class TestRepetition(EvaluatorContract):
    component = Repetition


class TestPerplexity(EvaluatorContract):
    component = Perplexity
