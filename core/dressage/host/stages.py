"""Reads `stages:` with their rewards, and `filters:`."""

from __future__ import annotations

from collections.abc import Mapping

from dressage.host.annotations import fields_by_key
from dressage.host.component import Checker, Item, choose
from dressage.host.data import Rows, read_rows
from dressage.host.document import Steps
from dressage.host.keys import OnKeys, RewardKeys, StageKeys
from dressage.host.suggest import hint
from dressage.spec.plan import FilterPlan, MixPlan, RewardPlan, StagePlan
from dressage.spec.sections import MixConfig

_ONLINE = {
    "iterations": "an offline stage has epochs",
    "rollout": "an offline stage does not sample",
    "value": "an offline stage has no value function",
    "kl": "an offline stage has no KL penalty",
    "prompts": "an offline stage has data",
    "rewards": "an offline stage learns from data",
    "mix": "an offline stage learns from its own data",
    "max_without_opinion": "an offline stage has no rewards",
}
_OFFLINE = {"epochs": "an online stage has iterations, and update.epochs", "data": "an online stage has prompts"}
_FITTED = ("update", "epochs")
RESERVED = ("before", "after", "load", "data", "evaluate", "total")
"""What a run calls its own parts: replies, seconds and figures of a stage stand beside them under its name."""


def read_filters(checker: Checker, raw: object, data: Mapping[str, Rows]) -> tuple[FilterPlan, ...]:
    """The filters in their order, each with the data it applies to."""
    plans = []
    for item in checker.items("filter", ("filters",), raw, keys=OnKeys):
        on = item.keys.on if item.keys.on is not None else FilterPlan.on
        at = checker.findings.step(item.steps, "on")
        for name in on:
            choose(checker.findings, at, name, data, what="data set")
        plans.append(FilterPlan(item.planned, on))
    return tuple(plans)


def read_stages(checker: Checker, raw: object, data: Mapping[str, Rows]) -> tuple[StagePlan, ...]:
    """The stages in their order."""
    items = checker.items("optimizer", ("stages",), raw, keys=StageKeys, also=("prompts", "data", "rewards", "mix"))
    return tuple(_read_stage(checker, item, data) for item in items)


def _read_stage(checker: Checker, item: Item[StageKeys], data: Mapping[str, Rows]) -> StagePlan:
    entry, keys = item.planned.entry, item.keys
    if item.planned.name in RESERVED:
        message = f"a stage cannot be named {item.planned.name!r}, as a part of the run is; name it otherwise with as"
        checker.findings.add(checker.findings.step(item.steps, "as"), message)
    prompts: Rows = ()
    rows: Rows = ()
    rewards: tuple[RewardPlan, ...] = ()
    if entry.online is not None:
        _refuse_keys(checker, item, _OFFLINE if entry.online else _ONLINE)
    if entry.online or "prompts" in item.raw:
        prompts = _rows(checker, item, "prompts", "prompts", data)
    if entry.online is False or "data" in item.raw:
        rows = _rows(checker, item, "data", entry.needs or "demonstrations", data)
    if entry.online or "rewards" in item.raw:
        rewards = _read_rewards(checker, item, data)
    host = {key: getattr(keys, key) for key in fields_by_key(StageKeys)}
    mix = _read_mix(checker, item, data) if entry.online is not False else None
    return StagePlan(item.planned, prompts=prompts, data=rows, rewards=rewards, mix=mix, **host)


def _read_mix(checker: Checker, stage: Item[StageKeys], data: Mapping[str, Rows]) -> MixPlan | None:
    """The offline optimizer whose loss is added to each step, with what it learns."""
    if stage.raw.get("mix") is None:
        return None
    item = checker.item("optimizer", (*stage.steps, "mix"), stage.raw["mix"], keys=MixConfig, also=("data",))
    if item is None or not item.found:
        return None
    entry = item.planned.entry
    if entry.online:
        message = f"{entry.name!r} is online; what is mixed in learns from data, as sft does"
        checker.findings.add(checker.findings.step(item.steps, "use"), message)
        return None
    rows = _rows(checker, item, "data", entry.needs or "demonstrations", data)
    return MixPlan(item.planned, rows, item.keys.weight, item.keys.batch)


def _refuse_keys(checker: Checker, item: Item[StageKeys], foreign: Mapping[str, str]) -> None:
    """Notes keys that this kind of stage would ignore."""
    loop = "online" if item.planned.entry.online else "offline"
    for key, reason in foreign.items():
        if key in item.raw:
            message = f"has no effect here: {item.planned.entry.name!r} is {loop}, and {reason}"
            checker.findings.add((*item.steps, key), message, key=True)


def _rows(
    checker: Checker, item: Item[StageKeys] | Item[MixConfig], key: str, needs: str, data: Mapping[str, Rows]
) -> Rows:
    """What a stage asks or learns: its own key, else the `data:` key that it needs."""
    if item.raw.get(key) is not None:
        name = f"{item.planned.name}.{key}"
        return read_rows(checker, (*item.steps, key), item.raw[key], name=name, data=data)
    return _needed(checker, item, needs, data, tail=f", or {key} here")


def _needed(
    checker: Checker,
    item: Item[StageKeys] | Item[RewardKeys] | Item[MixConfig],
    needs: str,
    data: Mapping[str, Rows],
    *,
    tail: str = "",
) -> Rows:
    if needs not in data:
        name = item.planned.name
        message = f"{name!r} needs data.{needs}{tail}; there is none{hint(needs, data)}"
        checker.findings.add(item.steps, message)
    return data.get(needs, ())


def _read_rewards(checker: Checker, stage: Item[StageKeys], data: Mapping[str, Rows]) -> tuple[RewardPlan, ...]:
    steps: Steps = (*stage.steps, "rewards")
    raw = stage.raw.get("rewards")
    if raw is None or raw == []:
        checker.findings.add(checker.findings.step(stage.steps, "rewards"), "an online stage needs at least one reward")
        return ()
    plans = tuple(_read_reward(checker, item, data) for item in checker.items("reward", steps, raw, keys=RewardKeys))
    complete = isinstance(raw, list) and len(plans) == len(raw)
    if complete and all(plan.weight == 0 and plan.limit is None for plan in plans):
        checker.findings.add(steps, "every weight is 0 and nothing has a limit, so there is nothing to train on")
    return plans


def _read_reward(checker: Checker, item: Item[RewardKeys], data: Mapping[str, Rows]) -> RewardPlan:
    keys = item.keys
    _refuse_limit(checker, item)
    if item.planned.entry.needs is not None:
        _needed(checker, item, item.planned.entry.needs, data)
    elif item.found:
        for key in _FITTED:
            if key in item.raw:
                message = f"has no effect here: {item.planned.entry.name!r} is not fitted"
                checker.findings.add((*item.steps, key), message, key=True)
    host = {key: getattr(keys, key) for key in fields_by_key(RewardKeys)}
    if keys.limit is not None and "weight" not in item.raw:
        host["weight"] = 0.0  # what is held below a bound is not also to be driven beyond it, unless that is asked for
    return RewardPlan(item.planned, **host)


def _refuse_limit(checker: Checker, item: Item[RewardKeys]) -> None:
    """Notes a limit that a score within `bounds` always meets, or never."""
    limit, bounds = item.keys.limit, item.keys.bounds
    if limit is None or bounds is None:
        return
    low, high = bounds
    met = {
        "max": (limit.max is not None and limit.max >= high, limit.max is not None and limit.max < low),
        "min": (limit.min is not None and limit.min <= low, limit.min is not None and limit.min > high),
    }
    for key, (always, never) in met.items():
        if always or never:
            effect = "has no effect here" if always else "cannot be met"
            message = f"{effect}: bounds keep every score between {low:g} and {high:g}"
            checker.findings.add((*item.steps, "limit", key), message)
