"""Profanity by alt-profanity-check: a linear model on word and character counts, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from dressage import Card, Context, PluginError

from dressage_toxicity.detector import Detector
from dressage_toxicity.options import ProfanityOptions


class Profanity(Detector[ProfanityOptions]):
    """The probability that a response is profane. It knows swear words, not hate in polite words."""

    trained_on = frozenset({"davidson_tweets", "jigsaw_comments"})

    def __init__(self, options: ProfanityOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        try:
            from profanity_check import predict_prob  # type: ignore[import-untyped]
        except ImportError as error:
            raise PluginError(
                f"{ctx.name or 'profanity'}: alt-profanity-check is not installed ({error}); "
                "run: pip install 'dressage-toxicity[profanity]'"
            ) from None
        self._predict = predict_prob
        self.card = Card(
            "alt-profanity-check",
            licence="MIT",
            source="the Python package alt-profanity-check",
            note="linear model trained on tweets and Wikipedia comments; knows profanity, not hate",
            extra={"version": version("alt-profanity-check"), "threshold": options.threshold},
        )

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """The model's probabilities; a row does not depend on the others, so there is one batch."""
        return [float(p) for p in self._predict(list(texts))]
