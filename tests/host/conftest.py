"""A small world of plugins and files that the host's tests check YAMLs against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import dressage
import pytest
from dressage.host import Discovery, check
from dressage.spec.errors import ConfigError, Problem
from dressage.spec.plan import Plan
from pydantic import BaseModel, Field, field_validator

MODEL = "model: {base: tiny}\n"
DATA = "data: {demonstrations: a.jsonl, comparisons: a.jsonl, prompts: b.jsonl}\n"
COPY = "stages: [copy]\n"
RUN = MODEL + DATA + COPY
"""Parts of a YAML that is right in the world below, and the whole of one."""


def online(rewards: str, extra: str = "") -> str:
    """A YAML with one online stage: its rewards, and more keys of it."""
    return f"{MODEL}{DATA}stages:\n  - use: climb\n{extra}    rewards: {rewards}\n"


class LoudOptions(dressage.Options):
    level: Annotated[float, Field(gt=0)] = 1.0
    mode: Literal["soft", "hard"] = "soft"
    words: list[str] = []

    @field_validator("words")
    @classmethod
    def _lower(cls, words: list[str]) -> list[str]:
        if any(word != word.lower() for word in words):
            raise ValueError("Words must be in lower case")
        return words


class Loud(dressage.Reward[LoudOptions]):
    """How loud a response is.

    More text.
    """

    def score(self, batch):
        return [float(self.options.level) for _ in batch.responses]


class Learnt(dressage.FittedReward[dressage.NoOptions]):
    """Learns from comparisons."""

    def collate(self, example, encode):
        return None

    def loss(self, outputs):
        raise NotImplementedError


class MixPart(BaseModel):
    source: dressage.Use[dressage.Reward]
    share: float = 1.0


class MixOptions(dressage.Options):
    source: dressage.Use[dressage.Reward] | None = None
    parts: list[MixPart] = []
    named: dict[str, dressage.Use[dressage.Reward]] = {}
    fallback: dressage.Use[dressage.Reward] = dressage.Use("loud")


class Mix(dressage.Reward[MixOptions]):
    """Several rewards as one."""

    def score(self, batch):
        return [0.0 for _ in batch.responses]


class ByScoreOptions(dressage.Options):
    source: dressage.Use[dressage.Reward]
    above: float = 0.5


class ByScore(dressage.Filter[ByScoreOptions]):
    """Drops by score."""


class Online(dressage.OnlineOptimizer[dressage.NoOptions]):
    """Samples."""

    def advantages(self, trajectories):
        raise NotImplementedError

    def loss(self, outputs, experience):
        raise NotImplementedError


class Offline(dressage.OfflineOptimizer[dressage.NoOptions]):
    """Learns."""

    def collate(self, example, encode):
        return None

    def loss(self, outputs):
        raise NotImplementedError


class Share(dressage.Evaluator[dressage.NoOptions]):
    """Counts."""

    def measure(self, batch):
        return {}


class Rows(dressage.DataSource[dressage.NoOptions]):
    """A few rows."""

    def files(self):
        return []


class Tiny(dressage.ModelSource[dressage.NoOptions]):
    """A tiny model."""

    def path(self):
        return Path()


class Watch(dressage.Observer[dressage.NoOptions]):
    """Watches."""


HOOKS = {
    "register_rewards": {"loud": Loud, "learnt": Learnt, "mix": Mix},
    "register_filters": {"by-score": ByScore},
    "register_optimizers": {"climb": Online, "copy": Offline},
    "register_evaluators": {"share": Share},
    "register_data": {"few": Rows},
    "register_models": {"tiny": Tiny},
    "register_observers": {"watch": Watch},
}


def plugin(version: str = "1.2", **hooks: dict[str, Any]) -> SimpleNamespace:
    """A plugin whose hooks register the given classes by name."""

    def make(components: dict[str, Any]) -> Callable[..., None]:
        def hook(register):
            for name, component in components.items():
                register(name, component)

        return dressage.hookimpl(hook)

    made = {name: make(components) for name, components in hooks.items()}
    for name, function in made.items():
        function.__name__ = function.__qualname__ = name
    return SimpleNamespace(__version__=version, **made)


@pytest.fixture
def make_plugin():
    return plugin


@pytest.fixture
def world() -> Discovery:
    """One plugin with one or more components of every kind."""
    return Discovery.of({"acme": plugin(**HOOKS)})


@pytest.fixture
def hooks():
    """The hooks of the world's one plugin, to build others from."""
    return HOOKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data files `a.jsonl` and `b.jsonl`."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text("{}\n")
    return tmp_path


@pytest.fixture
def plan(folder: Path, world: Discovery) -> Callable[..., Plan]:
    """Checks a YAML text."""

    def run(text: str, *overrides: str, discovery: Discovery = world, environ: dict[str, str] | None = None) -> Plan:
        (folder / "run.yaml").write_text(text, encoding="utf-8")
        return check(folder / "run.yaml", discovery, overrides=overrides, environ=environ or {})

    return run


@pytest.fixture
def problems(plan: Callable[..., Plan]) -> Callable[..., tuple[Problem, ...]]:
    """Checks a YAML text that is wrong."""

    def run(text: str, *overrides: str, **keywords: Any) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as caught:
            plan(text, *overrides, **keywords)
        return caught.value.problems

    return run


@pytest.fixture
def lines(problems: Callable[..., tuple[Problem, ...]], folder: Path) -> Callable[..., list[str]]:
    """The lines that a wrong YAML is answered with, without the folder's name."""

    def run(text: str, *overrides: str, **keywords: Any) -> list[str]:
        return [
            str(one).replace(f"{folder}/", "").replace(str(folder), "DIR")
            for one in problems(text, *overrides, **keywords)
        ]

    return run


@pytest.fixture
def answers(
    problems: Callable[..., tuple[Problem, ...]], lines: Callable[..., list[str]]
) -> Callable[[str], list[str]]:
    """The lines that a wrong YAML is answered with, those of missing plugins marked by `!`."""

    def run(text: str) -> list[str]:
        return [("!" if one.missing else "") + line for one, line in zip(problems(text), lines(text), strict=True)]

    return run
