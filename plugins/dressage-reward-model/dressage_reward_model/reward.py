"""A reward model: a score for each answer, such that the preferred one of a pair is likely the higher."""

from __future__ import annotations

from dressage import Context, Encoder, Example, FittedReward, Losses, SequenceOutputs, Tokens
from dressage.ops import bradley_terry

from dressage_reward_model.options import RewardModelOptions

CHOSEN, REJECTED = 0, 1
"""Where the two answers stand in an item's sequences."""


class RewardModel(FittedReward[RewardModelOptions]):
    """A Bradley-Terry reward model, fitted to the run's comparisons before the stage that uses it."""

    def __init__(self, options: RewardModelOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.base = _resolve(options.base, ctx)
        self.head = options.head

    def collate(self, example: Example, encode: Encoder) -> tuple[Tokens, ...] | None:
        """The preferred answer and the other, each behind the same prompt; None for other rows.

        A prompt that is too long is cut on its left, alike for both; a pair of which an answer does not fit, or whose
        answers are the same, is dropped.
        """
        if example.chosen is None or example.rejected is None or example.chosen == example.rejected:
            return None
        answers = [encode.answer(example.chosen), encode.answer(example.rejected)]
        room = encode.limit - max(map(len, answers))
        if room < 1:
            return None
        prompt = encode.prompt(example.prompt)[-room:]
        return tuple(Tokens(prompt + answer, (False,) * len(prompt) + (True,) * len(answer)) for answer in answers)

    def loss(self, outputs: SequenceOutputs) -> Losses:
        """-log sigmoid(chosen - rejected), a mean over pairs, plus `center` times the squared mean score of each pair.

        `accuracy` counts a tie as half right.
        """
        if outputs.scores is None:
            raise ValueError("a reward model's loss needs outputs.scores")
        chosen, rejected = outputs.scores[:, CHOSEN], outputs.scores[:, REJECTED]
        preference = bradley_terry(chosen, rejected, label_smoothing=self.options.label_smoothing)
        level = (chosen + rejected) / 2
        margin = (chosen - rejected).detach()
        return Losses(
            preference + self.options.center * level.square().mean(),
            {
                "accuracy": ((margin.sign() + 1) / 2).mean(),
                "margin": margin.mean(),
                "mean_score": level.detach().mean(),
            },
        )


def _resolve(base: str | None, ctx: Context) -> str | None:
    """A folder relative to the YAML as a path, a model's name or id as it is."""
    if base is None:
        return None
    folder = ctx.path(base)
    return str(folder) if folder.is_dir() else base
