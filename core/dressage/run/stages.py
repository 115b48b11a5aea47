"""Runs one stage: an offline one over its data, an online one over its iterations; saves, selects, reports."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dressage.run import devices, offline
from dressage.run.detectors import written
from dressage.run.fitted import Fitted, held_out
from dressage.run.lora import POLICY
from dressage.run.mixing import Mixture, mixture
from dressage.run.online import REFERENCE, OnlineStage
from dressage.run.scoring import Source, refuse_silence
from dressage.run.seeds import rng_for, seed_for
from dressage.run.selection import Selector
from dressage.run.session import Session
from dressage.run.tables import prompts_of
from dressage.spec.components import FittedReward
from dressage.spec.errors import DataError, TrainingError
from dressage.spec.plan import RewardPlan, StagePlan
from dressage.spec.types import Batch


def run_stage(session: Session, index: int, resumed: Mapping[str, Any] | None) -> None:
    """One stage from its start, or from a checkpoint's state within it."""
    stage = session.plan.stages[index]
    with session.record.phase(stage.name):
        work = _online if stage.online else _offline
        report = work(session, index, resumed)
    gc.collect()  # a base of the stage's own is in cycles with its hooks
    devices.return_freed_memory()
    entry = stage.component.entry
    session.stages.append(
        {
            "name": stage.name,
            "use": entry.name,
            "online": stage.online,
            "distribution": entry.distribution,
            "version": entry.version,
            "options": stage.component.options.model_dump(mode="json"),
            "seconds": session.record.seconds[stage.name],
            **report,
        }
    )
    session.save(index + 1, 0, {})


# --- offline ---------------------------------------------------------------------------------------------------------


def _offline(session: Session, index: int, resumed: Mapping[str, Any] | None) -> dict[str, Any]:
    stage, network, console = session.plan.stages[index], session.network, session.console
    optimizer = session.workshop.make(stage.component)
    reference = _reference(session, optimizer) if resumed is None else resumed["reference"]
    task = offline.Task(
        stage.name, optimizer, POLICY, unit=optimizer.unit, reference=reference, packing=stage.update.packing
    )
    items = offline.make_items(session.rows_of(stage, "data"), task, network, console)
    console.line(
        f"{stage.name}: {len(items)} rows, {sum(item.units for item in items)} learnt tokens, {stage.epochs} epochs"
    )
    offline.keep_states(items, network, console, stage.name)
    learn, held = offline.split_held_out(items, seed_for(session.plan.seed, stage.name))
    size, budget = stage.update.batch, offline.budget(items, stage.update.microbatch)
    a_epoch = -(-len(learn) // size)
    learner = offline.learner_for(task, network, stage.update, stage.epochs * a_epoch)
    selector = Selector(stage.select, session.evaluation, network, console, stage.name)
    done = 0
    if resumed is not None:
        learner.load_state_dict(resumed["learner"])
        selector.load_state_dict(resumed["selector"])
        done = int(resumed["step"])
    elif selector.due(0, stage.epochs):
        selector.consider(0)
    for epoch in range(stage.epochs):
        parts = offline.batches(learn, size, rng_for(session.plan.seed, stage.name, epoch))
        label = f"{stage.name}: epoch {epoch + 1} of {stage.epochs}"
        for number, part in enumerate(console.progress(parts, label, len(parts)), start=epoch * a_epoch + 1):
            if number <= done:
                continue
            numbers = learner.step(offline.microbatches(part, task, network, budget), name=stage.name)
            last = number == (epoch + 1) * a_epoch
            if last and held:
                numbers |= offline.held_out_numbers(held, task, network)
            _log_step(session, stage, number, stage.epochs * a_epoch, numbers)
            if last:
                console.line(f"  {stage.name}: epoch {epoch + 1}: " + _shown(numbers))
            if last and selector.due(epoch + 1, stage.epochs):
                selector.consider(epoch + 1)
            stopping, ended = session.stop(), last and epoch + 1 < stage.epochs  # the stage's end saves too
            if stopping or ended or session.unsaved > session.plan.checkpoints.seconds:
                state = {
                    "learner": learner.state_dict(), "selector": selector.state_dict(), "step": number,
                    "reference": reference,
                }  # fmt: skip
                session.save(index, number, state)
            if stopping:
                session.interrupt()
    selector.hand_on()
    return {"steps": stage.epochs * a_epoch, "selected": selector.report(), "rewards": [], "rows": len(items)}


def _reference(session: Session, optimizer: Any) -> str | None:
    """The role that `ref_logprobs` come from: the model as the stage found it, or none where none is wanted."""
    return (_freeze_reference(session) or "") if optimizer.needs_reference else None


# --- online ----------------------------------------------------------------------------------------------------------


def _online(session: Session, index: int, resumed: Mapping[str, Any] | None) -> dict[str, Any]:
    stage, network, console = session.plan.stages[index], session.network, session.console
    optimizer = session.workshop.make(stage.component)
    prompts = prompts_of(session.rows_of(stage, "prompts"))
    refuse_silence(stage.name, stage.rewards, prompts)
    fitted, fits = _fit_rewards(session, index, resumed)
    reference = _freeze_reference(session) if resumed is None else (str(resumed["reference"]) or None)
    sources = [_source(session, reward, fitted) for reward in stage.rewards]
    mix = mixture(session, stage, reference)
    shared = _shared(session, stage, optimizer, mix)
    online = OnlineStage(stage, optimizer, network, sources, prompts, reference=reference, **shared)
    for source in (s for s in sources if s.name in fitted):
        source.ask = partial(_score_tokens, fitted[source.name], online)
    selector = Selector(stage.select, session.evaluation, network, console, stage.name)
    first = 1
    if resumed is not None:
        online.load_state_dict(resumed["online"])
        selector.load_state_dict(resumed["selector"])
        first = int(resumed["step"]) + 1
    elif selector.due(0, stage.iterations):
        selector.consider(0)

    def save(iteration: int) -> None:
        state = {
            "online": online.state_dict(), "selector": selector.state_dict(), "step": iteration,
            "reference": reference or "", "fits": fits, "fitted": {name: f.tensors() for name, f in fitted.items()},
        }  # fmt: skip
        session.save(index, iteration, state)

    if fitted and resumed is None:
        save(0)
    names = ", ".join(f"{s.name} ({s.reward.goal}, weight {s.plan.weight:g}{_held(s.plan)})" for s in sources)
    console.line(f"{stage.name}: {len(prompts)} prompts, {stage.iterations} iterations; rewards: {names}")
    for iteration in console.progress(range(first, stage.iterations + 1), stage.name, stage.iterations - first + 1):
        _iterate(session, online, selector, iteration)
        stopping = session.stop()
        if stopping or iteration % session.plan.checkpoints.iterations == 0:
            save(iteration)
        if stopping:
            session.interrupt()
    if online.learner.step_count == 0:
        raise TrainingError(
            f"{stage.name}: no reward had an opinion on any reply in {stage.iterations} iterations, so nothing was"
            " learnt; check what the rewards answer None to"
        )
    selector.hand_on()
    rewards = [_reward_report(session, source, fits.get(source.name)) for source in sources]
    mixed_in = mix.report() if mix is not None else None
    return {"steps": stage.iterations, "selected": selector.report(), "rewards": rewards, "mix": mixed_in}


def _shared(session: Session, stage: StagePlan, optimizer: Any, mix: Mixture | None) -> dict[str, Any]:
    """What an online stage has of the run: its seed, what is mixed in, and the value function's own base."""
    own = session.own_base(stage.value.base if optimizer.uses_values else None, f"{stage.name}.value.base")
    mixed = {"mixed": mix.microbatches} if mix is not None else {}
    return {"seed": session.plan.seed, "value_network": own, **mixed}


def _iterate(session: Session, online: OnlineStage, selector: Selector, iteration: int) -> None:
    """One iteration, and what is told of it."""
    stage, started = online.plan, time.monotonic()
    turn = online.iterate(iteration)
    devices.return_freed_memory()
    metrics = dict(turn.metrics)
    timing = {"stage": stage.name, "step": iteration, "seconds": time.monotonic() - started}
    session.record.append("timings.jsonl", timing)
    session.watchers.rollout(stage.name, turn)
    session.console.line(f"  {stage.name} {iteration}/{stage.iterations}: " + _shown(metrics))
    if selector.due(iteration, stage.iterations):
        metrics |= {f"validation.{path}": value for path, value in selector.consider(iteration).items()}
    _log_step(session, stage, iteration, stage.iterations, metrics)


def _bounds(plan: RewardPlan) -> dict[str, float]:
    """What its limit gives of max and min."""
    return {} if plan.limit is None else plan.limit.model_dump(include={"max", "min"}, exclude_none=True)


def _held(plan: RewardPlan) -> str:
    return "".join(f", {key} {bound:g}" for key, bound in _bounds(plan).items())


def _source(session: Session, plan: RewardPlan, fitted: Mapping[str, Fitted]) -> Source:
    away = session.workshop.device if plan.device == "swap" else ""
    return Source(plan, _reward(session, plan, fitted), swap_to=away)


def _score_tokens(model: Fitted, online: OnlineStage, batch: Batch, rows: Sequence[int]) -> list[float]:
    """A fitted reward's answer: the core scores the tokens of the iteration's samples themselves."""
    return model.score(batch, online.samples, rows)


def _reward(session: Session, plan: RewardPlan, fitted: Mapping[str, Fitted]) -> Any:
    if plan.component.name in fitted:
        return fitted[plan.component.name].reward
    return session.workshop.make(plan.component, device=_device(session, plan), batch_size=plan.batch_size)


def _device(session: Session, plan: RewardPlan) -> str | None:
    return "cpu" if plan.device == "swap" else plan.device


def _fit_rewards(
    session: Session, index: int, resumed: Mapping[str, Any] | None
) -> tuple[dict[str, Fitted], dict[str, Any]]:
    """Trains the stage's fitted rewards before it, or takes them back from a checkpoint."""
    stage = session.plan.stages[index]

    def check_stop() -> None:
        if session.stop():  # nothing of a fit is kept: the stage starts anew
            session.save(index, 0, {})
            session.interrupt()

    fitted: dict[str, Fitted] = {}
    fits: dict[str, Any] = dict(resumed["fits"]) if resumed is not None else {}
    for plan in stage.rewards:
        if not issubclass(plan.component.entry.load(), FittedReward):
            continue
        reward = session.workshop.make(plan.component)
        network = session.own_base(reward.base, f"{plan.component.name}.base") or session.network
        model = Fitted(plan, reward, network, session.plan.seed)
        if resumed is not None:
            model.load_tensors(resumed["fitted"][model.name])
        else:
            rows = session.rows.get(plan.component.entry.needs or "comparisons", [])
            if not rows:
                raise DataError(f"{plan.component}: there are no comparisons to learn from; give data.comparisons")
            found = fits[model.name] = model.fit(rows, session.console, check_stop)
            session.console.line(f"{model.name}: {found['pairs']} pairs, {held_out(found['accuracy'])}")
        fitted[model.name] = model
    return fitted, fits


def _freeze_reference(session: Session) -> str | None:
    """Keeps the model as a stage finds it: a copy of the policy's adapter, or None for one that changes nothing."""
    adapters = session.network.adapters
    state = adapters.state(POLICY)
    if all(not weight.any() for path, weight in state.items() if path.endswith("lora_B")):
        return None
    if REFERENCE not in adapters.names:
        adapters.add(REFERENCE)
    adapters.load(REFERENCE, state)
    return REFERENCE


def _reward_report(session: Session, source: Source, fit: Mapping[str, Any] | None) -> dict[str, Any]:
    entry, reward = source.plan.component.entry, source.reward
    card = reward.card
    return {
        "name": source.name,
        "use": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "goal": reward.goal,
        "weight": source.plan.weight,
        "limit": _bounds(source.plan) or None,
        "trained_on": sorted(reward.trained_on),
        "detectors": written(source.plan.component, session.workshop),
        "card": None if card is None else {"name": card.name, "licence": card.licence, "source": card.source},
        "fit": fit,
    }


def _log_step(session: Session, stage: StagePlan, step: int, steps: int, metrics: Mapping[str, float]) -> None:
    session.record.append("metrics.jsonl", {"stage": stage.name, "step": step, "steps": steps, "metrics": metrics})
    session.watchers.step(stage.name, step, steps, metrics)


SHOWN = ("loss", "accuracy", "held_out_loss", "held_out_accuracy", "score", "kl", "entropy", "response_length")


def _shown(metrics: Mapping[str, float]) -> str:
    names = [name for name in SHOWN if name in metrics and not ("score" in metrics and name in ("loss", "accuracy"))]
    names[1:1] = [name for name in metrics if name.startswith("reward.") and name.endswith(".raw")]
    return ", ".join(f"{name.removeprefix('reward.').removesuffix('.raw')} {metrics[name]:.3f}" for name in names)
