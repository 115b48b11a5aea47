"""Which settings would make a run fit: each is tried, alone and then together, until one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from dressage.run.budget.table import Budget
from dressage.run.budget.work import Work
from dressage.spec.plan import Plan, RewardPlan, StagePlan
from dressage.spec.sections import UpdateConfig

Change = tuple[Plan, tuple[str, ...]]
"""A plan, and the `KEY=VALUE` settings that make it of the first."""
SHOWN = 3
"""Ways that a refusal names."""


@dataclass(frozen=True)
class Way:
    """Settings with which the run fits, and what it then needs."""

    settings: tuple[str, ...]
    peak: int


def fitting(work: Work, budget_of: Callable[[Work], Budget]) -> list[Way]:
    """Of each option the mildest value that fits alone; where none does, the fewest options that fit together.

    The order is that of their price: 4 bits and smaller microbatches cost least, then time for computing layers again;
    fewer trained layers and shorter replies change what is learnt.
    """

    def tried(change: Change) -> Way | None:
        budget = budget_of(replace(work, plan=change[0]))
        return None if budget.over else Way(change[1], budget.peak)

    options = [list(option(work.plan, work)) for option in OPTIONS]
    alone = (next(filter(None, map(tried, option)), None) for option in options)
    ways = [way for way in alone if way is not None]
    return ways[:SHOWN] if ways else _together(work, tried)


def _together(work: Work, tried: Callable[[Change], Way | None]) -> list[Way]:
    """Options one after the other, each at its strongest but the last, which is as mild as fits."""
    plan: Plan = work.plan
    settings: tuple[str, ...] = ()
    for option in OPTIONS:
        changes = list(option(plan, work))
        for changed, made in changes:
            way = tried((changed, (*settings, *made)))
            if way is not None:
                return [way]
        if changes:
            plan, made = changes[-1]
            settings = (*settings, *made)
    return []


def _quantize(plan: Plan, work: Work) -> Iterator[Change]:
    if plan.model.quantize == "none":
        yield replace(plan, model=plan.model.model_copy(update={"quantize": "nf4"})), ("model.quantize=nf4",)


def _microbatch(plan: Plan, work: Work) -> Iterator[Change]:
    """Of all stages and fitted rewards at once: 8, 4, 2, 1, as far as they are below the present ones."""
    updates = [s.update for s in plan.stages] + [_update(r) for s in plan.stages for r in s.rewards]
    for size in _halves(max((u.microbatch for u in updates), default=1)):
        settings: list[str] = []

        def smaller(update: UpdateConfig, path: str, size: int = size, settings: list[str] = settings) -> UpdateConfig:
            if update.microbatch <= size:
                return update
            settings.append(f"{path}.update.microbatch={size}")
            return update.model_copy(update={"microbatch": size})

        def changed(stage: StagePlan, smaller: Callable[[UpdateConfig, str], UpdateConfig] = smaller) -> StagePlan:
            update = smaller(stage.update, stage.component.path)
            rewards = tuple(
                replace(r, update=smaller(_update(r), r.component.path)) if _fits(work, stage, r) else r
                for r in stage.rewards
            )
            return replace(stage, update=update, rewards=rewards)

        yield replace(plan, stages=tuple(map(changed, plan.stages))), tuple(settings)


def _checkpointing(plan: Plan, work: Work) -> Iterator[Change]:
    if not plan.model.adapter.gradient_checkpointing:
        adapter = plan.model.adapter.model_copy(update={"gradient_checkpointing": True})
        model = plan.model.model_copy(update={"adapter": adapter})
        yield replace(plan, model=model), ("model.adapter.gradient_checkpointing=true",)


def _swap(plan: Plan, work: Work) -> Iterator[Change]:
    """Classifiers on the device only while they score, then on the CPU altogether."""
    for device in ("swap", "cpu") if not work.machine.unified else ():
        settings: list[str] = []
        stages = []
        for stage in plan.stages:
            rewards = list(stage.rewards)
            for number, reward in enumerate(rewards):
                known = f"{stage.name}:{reward.component.name}" in work.classifiers
                if known and reward.device not in ("cpu", device):
                    settings.append(f"{reward.component.path}.device={device}")
                    rewards[number] = replace(reward, device=device)
            stages.append(replace(stage, rewards=tuple(rewards)))
        if settings:
            yield replace(plan, stages=tuple(stages)), tuple(settings)


def _prompts(plan: Plan, work: Work) -> Iterator[Change]:
    return _rollout(plan, "prompts", least=1)


def _new_tokens(plan: Plan, work: Work) -> Iterator[Change]:
    return _rollout(plan, "max_new_tokens", least=8)


def _layers(plan: Plan, work: Work) -> Iterator[Change]:
    """Adapters on fewer layers: half, a quarter, ..."""
    for layers in _halves(min(plan.model.adapter.layers or work.shapes.depth, work.shapes.depth)):
        adapter = plan.model.adapter.model_copy(update={"layers": layers})
        model = plan.model.model_copy(update={"adapter": adapter})
        yield replace(plan, model=model), (f"model.adapter.layers={layers}",)


OPTIONS = (_quantize, _microbatch, _checkpointing, _swap, _layers, _prompts, _new_tokens)


def _rollout(plan: Plan, key: str, *, least: int) -> Iterator[Change]:
    largest = max((getattr(s.rollout, key) for s in plan.stages if s.online), default=1)
    for size in _halves(largest, least=least):
        chosen = [s.online and getattr(s.rollout, key) > size for s in plan.stages]
        stages = tuple(
            replace(s, rollout=s.rollout.model_copy(update={key: size})) if change else s
            for s, change in zip(plan.stages, chosen, strict=True)
        )
        paths = [s.component.path for s, change in zip(plan.stages, chosen, strict=True) if change]
        yield replace(plan, stages=stages), tuple(f"{path}.rollout.{key}={size}" for path in paths)


def _halves(value: int, least: int = 1) -> Iterator[int]:
    """Half of it, a quarter, ... down to `least`."""
    steps = [value]
    while steps[-1] // 2 >= least:
        steps.append(steps[-1] // 2)
    return (smaller for _, smaller in pairwise(steps))


def _update(reward: RewardPlan) -> UpdateConfig:
    return reward.update or UpdateConfig()


def _fits(work: Work, stage: StagePlan, reward: RewardPlan) -> bool:
    return f"{stage.name}:{reward.component.name}" in work.bases
