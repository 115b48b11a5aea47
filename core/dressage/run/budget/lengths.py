"""How long the sequences of a run are, in tokens: its data read once, its longest rows encoded.

Without a tokenizer (a folder with a config.json alone) a token is taken to be four bytes of text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dressage.run.budget.shapes import Shapes
from dressage.run.build import Workshop
from dressage.run.encoder import ChatEncoder
from dressage.run.tables import Library
from dressage.spec.components import FittedReward
from dressage.spec.plan import DataPlan, Plan
from dressage.spec.types import Example

LOOKED_AT = 64
"""Rows that are encoded of each data set: the longest by characters, and as many spread over all."""
BYTES_A_TOKEN, TOKENS_A_TURN = 4, 4


@dataclass(frozen=True)
class Lengths:
    """Of one data set's sequences."""

    rows: int
    longest: int
    """Tokens of the longest sequence."""
    total: int
    """Tokens of all sequences, as far as the rows that were looked at tell."""
    an_item: int = 1
    """Sequences a row makes: two of a comparison."""
    learnt: int = 0
    """The most tokens of a sequence that are learnt."""


class Guess:
    """Stands for the encoder of a model without a tokenizer: as many tokens as the text's bytes suggest."""

    pad_id = eos_id = 0

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def prompt(self, messages: Sequence[Any]) -> tuple[int, ...]:
        """A quarter of the bytes, and four tokens a turn."""
        return (1,) * sum(TOKENS_A_TURN + len(self.plain(m.content)) for m in messages)

    def answer(self, text: str) -> tuple[int, ...]:
        """A quarter of the bytes, and the token that ends it."""
        return (*self.plain(text), 0)

    def plain(self, text: str) -> tuple[int, ...]:
        """A quarter of the bytes, at least one."""
        return (1,) * max(1, -(-len(text.encode()) // BYTES_A_TOKEN))


def encoder_of(place: str, shapes: Shapes, **extra: Any) -> Any:
    """The model's own encoder where it has a tokenizer here, else a `Guess`."""
    from transformers import AutoTokenizer

    try:
        if Path(place).is_file():
            loaded = AutoTokenizer.from_pretrained(str(Path(place).parent), gguf_file=Path(place).name, **extra)
        else:
            loaded = AutoTokenizer.from_pretrained(place, **extra)
        return ChatEncoder(loaded, limit=shapes.positions)
    except Exception:  # whatever is wrong with it, the run itself says so when it loads it
        return Guess(shapes.positions)


def measure(plan: Plan, workshop: Workshop, encoder: Any) -> Mapping[str, Lengths]:
    """By `evaluate`, stage, STAGE.mix, and STAGE:REWARD of each fitted reward.

    Raises `DataError` for data that cannot be read.
    """
    library = Library(plan, workshop)
    found: dict[str, Lengths] = {}
    sets = [asked(library, f"evaluate.{name}", plans, encoder) for name, plans in plan.evaluate.sets.items()]
    if sets:
        found["evaluate"] = Lengths(
            max(s.rows for s in sets) * plan.evaluate.settings.samples,
            max(s.longest for s in sets),
            sum(s.total for s in sets),
        )
    for stage in plan.stages:
        if stage.online:
            found[stage.name] = asked(library, f"{stage.name}.prompts", stage.prompts, encoder)
        else:
            found[stage.name] = taught(
                library, f"{stage.name}.data", stage.data, workshop.make(stage.component).collate, encoder
            )
        if stage.mix is not None:
            name, mix = f"{stage.name}.mix", stage.mix
            found[name] = taught(library, name, mix.data, workshop.make(mix.component).collate, encoder)
        for reward in stage.rewards:
            kind = reward.component.entry.load()
            if issubclass(kind, FittedReward) and (plans := plan.data.get(reward.component.entry.needs or kind.needs)):
                collate = workshop.make(reward.component).collate
                name = f"{stage.name}:{reward.component.name}"
                found[name] = taught(library, name, plans, collate, encoder)
    return found


def asked(library: Library, name: str, plans: Sequence[DataPlan], encoder: Any) -> Lengths:
    """Of prompts."""

    def encoded(row: Example) -> tuple[Sequence[int], ...]:
        prompt = row.as_prompt()
        return (encoder.plain(prompt.text) if prompt.text is not None else encoder.prompt(prompt.messages),)

    return _lengths(library.table(name, plans).examples, encoded, lambda found: 0)


def taught(
    library: Library, name: str, plans: Sequence[DataPlan], collate: Callable[..., Any], encoder: Any
) -> Lengths:
    """Of what an offline optimizer or a fitted reward makes of its rows."""
    made: dict[int, Any] = {}

    def encoded(row: Example) -> tuple[Sequence[int], ...]:
        made[id(row)] = collate(row, encoder) or ()
        return tuple(s.ids for s in made[id(row)])

    def learnt(row: Example) -> int:
        return max((sum(s.mask[1:]) for s in made[id(row)]), default=0)

    return _lengths(library.table(name, plans).examples, encoded, learnt)


def _lengths(
    rows: Sequence[Example], encoded: Callable[[Example], tuple[Sequence[int], ...]], learnt: Callable[[Example], int]
) -> Lengths:
    by_size = sorted(range(len(rows)), key=lambda i: _characters(rows[i]), reverse=True)
    spread = range(0, len(rows), max(1, len(rows) // LOOKED_AT))
    sequences = {i: encoded(rows[i]) for i in {*by_size[:LOOKED_AT], *spread}}
    sample = [sequences[i] for i in spread]
    total = sum(len(s) for made in sample for s in made)
    return Lengths(
        rows=len(rows),
        longest=max((len(s) for made in sequences.values() for s in made), default=1),
        total=round(total * len(rows) / len(sample)),
        an_item=max((len(made) for made in sequences.values()), default=1) or 1,
        learnt=max(learnt(rows[i]) for i in sequences),
    )


def _characters(row: Example) -> int:
    texts = (*(m.content for m in row.prompt), row.response, row.chosen, row.rejected, row.text)
    return sum(len(text) for text in texts if text)
