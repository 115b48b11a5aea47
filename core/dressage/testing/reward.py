"""What every reward must do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from dressage.spec.types import Batch, Message, Prompt, Score, Span
from dressage.testing.contract import TEXTS, Contract, batch


class RewardContract(Contract):
    """The contract of a `Reward`: one usable answer a response, whatever the text, the order or the batch.

    For a `FittedReward` take `FittedRewardContract`.
    """

    tolerance: ClassVar[float] = 1e-4
    """How much an answer may depend on the rest of its batch (padding, rounding)."""

    def batch(self) -> Batch:
        """The replies that are judged."""
        return batch(self.columns)

    def test_declares_its_goal_and_its_training_data(self) -> None:
        """`goal` is `max` or `min`, `trained_on` a frozenset of names."""
        reward = self.make()
        assert reward.goal in ("max", "min"), f"goal must be 'max' or 'min', not {reward.goal!r}"
        assert isinstance(reward.trained_on, frozenset), "trained_on must be a frozenset of data set names"
        assert all(isinstance(name, str) and name for name in reward.trained_on)

    def test_gives_one_answer_a_response(self) -> None:
        """As many answers as responses, also for a batch of one."""
        reward, judged = self.make(), self.batch()
        for size in (len(judged), 1):
            answers = reward.score(judged.select(range(size)))
            assert len(answers) == size, f"{len(answers)} answers to {size} responses"

    def test_answers_are_usable(self) -> None:
        """Each is a finite number, None, or spans inside the response."""
        judged = self.batch()
        for response, answer in zip(judged.responses, self.make().score(judged), strict=True):
            _check_answer(response, answer)

    def test_same_question_gets_the_same_answer(self) -> None:
        """Asking twice, and asking a fresh instance, changes nothing."""
        reward, judged = self.make(), self.batch()
        first = reward.score(judged)
        _check_equal(first, reward.score(judged), judged.responses, 0.0, "asked a second time")
        _check_equal(first, self.make().score(judged), judged.responses, 0.0, "asked of a fresh instance")

    def test_splitting_the_batch_changes_nothing(self) -> None:
        """One response at a time gives the answers of the whole batch."""
        reward, judged = self.make(), self.batch()
        single = [reward.score(judged.select([i]))[0] for i in range(len(judged))]
        _check_equal(reward.score(judged), single, judged.responses, self.tolerance, "asked one at a time")

    def test_order_changes_nothing(self) -> None:
        """The batch backwards gives the answers backwards."""
        reward, judged = self.make(), self.batch()
        backwards = list(reward.score(judged.select(range(len(judged) - 1, -1, -1))))[::-1]
        _check_equal(reward.score(judged), backwards, judged.responses, self.tolerance, "asked in reverse order")

    def test_judges_continuations_and_dialogues(self) -> None:
        """A text to continue, a chat and a chat of many turns are all answered."""
        chat = Prompt(messages=(Message("user", "Hello."),), columns=self.columns)
        turns = (*chat.messages, Message("assistant", "Hi."), Message("user", "Go on."))
        long = Prompt(messages=turns, columns=self.columns)
        text = Prompt(text="Once upon a time", columns=self.columns)
        answers = self.make().score(Batch((chat, long, text), (TEXTS["plain"],) * 3, (True, False, True)))
        assert len(answers) == 3
        for answer in answers:
            _check_answer(TEXTS["plain"], answer)

    def test_does_not_need_to_know_what_finished(self) -> None:
        """`batch.finished` may be empty."""
        judged = self.batch()
        answers = self.make().score(Batch(judged.prompts, judged.responses))
        assert len(answers) == len(judged)


def _check_answer(response: str, answer: Any) -> None:
    what = f"the answer to {response[:40]!r}"
    if answer is None:
        return
    if isinstance(answer, Real):
        assert math.isfinite(answer), f"{what} is {answer}; None says that there is no opinion"
        return
    assert isinstance(answer, Sequence), f"{what} is a {type(answer).__name__}, not a number, None or spans"
    for span in answer:
        assert isinstance(span, Span), f"{what} holds a {type(span).__name__}, not a Span"
        inside = 0 <= span.start < span.end <= len(response)
        assert inside, f"{what}: span [{span.start}, {span.end}) does not lie in its {len(response)} characters"
        assert math.isfinite(span.value), f"{what}: a span's value is {span.value}"


def _check_equal(
    left: Sequence[Score], right: Sequence[Score], responses: Sequence[str], tolerance: float, how: str
) -> None:
    assert len(left) == len(right), f"{len(left)} answers, but {len(right)} {how}"
    for response, a, b in zip(responses, left, right, strict=True):
        places, values = _spread(a)
        other_places, other_values = _spread(b)
        equal = places == other_places and all(
            abs(x - y) <= tolerance * max(1.0, abs(x)) for x, y in zip(values, other_values, strict=True)
        )
        assert equal, f"{response[:40]!r} got {a!r}, but {b!r} {how}"


def _spread(answer: Score) -> tuple[list[tuple[int, int]] | str, list[float]]:
    """What must be identical between two answers, and the values that may differ by rounding."""
    if answer is None:
        return "no opinion", []
    if isinstance(answer, Sequence):
        return [(span.start, span.end) for span in answer], [span.value for span in answer]
    return "a number", [float(answer)]
