"""A run as phases, each with all that stands in memory at its peak: pure functions of shapes, plan and lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dressage.run.batching import FORWARD_ROWS
from dressage.run.budget import costs
from dressage.run.budget.lengths import Lengths
from dressage.run.budget.shapes import Shapes
from dressage.run.budget.table import Part, Phase
from dressage.run.budget.work import Work
from dressage.run.offline import HELD_OUT, HOLDS_OUT, KEEP_BYTES
from dressage.run.sampling import Sampling
from dressage.spec.plan import RewardPlan, StagePlan
from dressage.spec.sections import UpdateConfig

LEFT = "adapter of an earlier stage"
"""What a value function with an adapter leaves on the run's base."""
SHORT_LIVED = ("activations of a microbatch", "states that predict a token", "logits chunk, or first gradients")
"""What a pass with gradient makes and frees again, in an order and in sizes that leave holes between them."""


def phases(work: Work) -> tuple[Phase, ...]:
    """All phases of a run, in their order."""
    return tuple(_with_holes(work, phase) for phase in _phases(work))


def _with_holes(work: Work, phase: Phase) -> Phase:
    """On a CPU also what the C library keeps of freed memory that no later tensor fits into."""
    short = sum(part.bytes or 0 for part in phase.parts if part.what in SHORT_LIVED)
    holes = round(work.machine.holes * short)
    return Phase(phase.name, (*phase.parts, Part("run", "holes in freed memory", holes))) if holes else phase


def _phases(work: Work) -> Iterator[Phase]:
    yield Phase("load", (*_base(work), _loading(work)))
    judges = [
        Part(key.partition(":")[2], "classifier", size)
        for key, size in work.classifiers.items() if key.startswith("evaluate:")
    ]  # fmt: skip
    standing = [*_base(work), *judges, Part("policy", "adapter", work.adapter_bytes)]
    if (asked := work.lengths.get("evaluate")) is not None:
        yield Phase("evaluate", (*standing, *_evaluation(work, asked)))
    for number, stage in enumerate(work.plan.stages):
        traits = work.traits[stage.name]
        if number and (stage.online or traits.reference) and all(p.role != "reference" for p in standing):
            standing.append(Part("reference", "adapter", work.adapter_bytes))
        yield from _online(work, stage, standing) if stage.online else _offline(work, stage, standing)
        mine = [key for key, own in work.bases.items() if own is None and _of(key, stage)]
        standing += [part for key in mine for part in _scorer(work, key)]
        if stage.value.role == "adapter" and traits.values and all(p.what != LEFT for p in standing):
            standing.append(Part("value", LEFT, work.adapter_bytes))


def _base(work: Work) -> tuple[Part, ...]:
    quantize = work.plan.model.quantize
    return _base_parts("base", work.shapes, work.size, quantize)


def _base_parts(role: str, shapes: Shapes, size: int, quantize: str) -> tuple[Part, ...]:
    parts = [Part(role, f"weights{', nf4' if quantize == 'nf4' else ''}", costs.base_weights(shapes, size, quantize))]
    if quantize == "nf4":
        parts.append(Part(role, "one matrix unpacked", costs.unpacking(shapes, size, quantize)))
    return tuple(parts)


def _loading(work: Work) -> Part:
    """A file in another number format than the run's is mapped beside the weights that are made of it."""
    stored = work.shapes.stored
    mapped = work.machine.unified and stored not in (0, work.size) and work.plan.model.quantize == "none"
    return Part("base", "its file", work.shapes.parameters * stored if mapped else 0, "host")


def _sampling(work: Work, rows: int, prompt: int, new: int, *, batch: int, merged: bool, kept: bool) -> Iterator[Part]:
    """While replies are sampled, `batch` at a time: merged weights, cache, a step's logits or the prompts' pass."""
    shapes, size, at_a_time = work.shapes, work.size, min(rows, batch)
    if merged:
        yield Part("policy", "merged copies", costs.merged_copies(shapes, work.adapter, size, work.plan.model.quantize))
    cached = costs.cache(shapes, size, at_a_time, prompt + new)
    yield Part("policy", "key-value cache", cached + costs.repeated_heads(shapes, size, at_a_time, prompt + new))
    reading = costs.passing(shapes, size, at_a_time * prompt) + costs.mask(at_a_time, prompt)
    yield Part("policy", "prompts or logits of a step", max(reading, costs.drawing(shapes, at_a_time)))
    if kept and work.keeps:
        yield Part("base", "trunk states of a batch", costs.states(shapes, size, at_a_time * (prompt + new)))
        yield Part("base", "kept trunk states", costs.states(shapes, size, rows * (prompt + new)), "host")


def _evaluation(work: Work, asked: Lengths) -> Iterator[Part]:
    last = next((s.rollout for s in reversed(work.plan.stages) if s.online), None)
    new = work.plan.evaluate.settings.max_new_tokens or (last.max_new_tokens if last else 64)
    batch, merged = last.batch if last else Sampling.batch, bool(work.plan.stages)
    yield from _sampling(work, asked.rows, asked.longest, new, batch=batch, merged=merged, kept=False)


# --- offline ---------------------------------------------------------------------------------------------------------


def _offline(work: Work, stage: StagePlan, standing: Sequence[Part]) -> Iterator[Phase]:
    found = work.lengths[stage.name]
    kept, learner = _kept(work, found), _learner("policy", work.adapter_bytes)
    if work.keeps:
        yield _frozen_layers(work, stage.name, standing, found, kept)
    update = _update(work, stage.update.microbatch, stage.update.batch, found, "policy")
    best = (Part("policy", "the best weights so far", work.adapter_bytes, "host"),) if stage.select else ()
    yield Phase(f"{stage.name}: update", (*standing, *kept, *learner, *best, *update))
    if found.rows >= HOLDS_OUT:
        yield Phase(f"{stage.name}: held out", (*standing, *kept, *learner, *best, *_held_out(work, found)))


def _held_out(work: Work, found: Lengths) -> Iterator[Part]:
    """A pass over rows that are not learnt from."""
    rows = min(FORWARD_ROWS, int(found.rows * HELD_OUT)) * found.an_item
    passing = costs.passing(work.shapes, work.size, rows * found.longest)
    yield Part("policy", "a forward pass", passing + costs.logits_chunk(work.shapes, rows * found.learnt))
    yield Part("policy", "its states", costs.states(work.shapes, work.size, rows * found.longest))


def _kept(work: Work, found: Lengths) -> tuple[Part, ...]:
    """A data set's states at the lowest trained layer, where they fit the engine's limit."""
    size = costs.states(work.shapes, work.size, found.total)
    return (Part("base", "kept trunk states", size, "host"),) if work.keeps and size <= KEEP_BYTES else ()


def _frozen_layers(
    work: Work, name: str, standing: Sequence[Part], found: Lengths, kept: tuple[Part, ...], own: Shapes | None = None
) -> Phase:
    """Sequences through the frozen layers once, 32 at a time."""
    tokens = min(FORWARD_ROWS, found.rows * found.an_item) * found.longest
    passing = Part("base", "a forward pass", costs.passing(own or work.shapes, work.size, tokens))
    return Phase(f"{name}: frozen layers", (*standing, *kept, passing))


def _learner(role: str, weights: int) -> tuple[Part, ...]:
    return (Part(role, "gradient and two moments", costs.optimizer_state(weights)),)


def _update(
    work: Work, microbatch: int, step: int, found: Lengths, role: str, *, logits: bool = True, entropy: bool = False,
    shapes: Shapes | None = None,
) -> Iterator[Part]:  # fmt: skip
    """One microbatch of a step's rows with gradient: what backward needs, and the logits or the first gradients.

    It has the tokens of `microbatch` rows of the longest; of shorter ones, with more to learn in each, it may have all.
    """
    shapes, size = shapes or work.shapes, work.size
    rows = min(microbatch, step, found.rows) * found.an_item
    tokens = rows * found.longest
    learnt = min(min(step, found.rows) * found.an_item * found.learnt, tokens)
    yield Part(role, "activations of a microbatch", costs.activations(shapes, work.adapter, size, rows, found.longest))
    if work.keeps_of(shapes):
        yield Part("base", "trunk states of a microbatch", costs.states(shapes, size, tokens))
    chunk = costs.logits_chunk(shapes, learnt, entropy_gradient=entropy) if logits else 0
    if logits:
        yield Part(role, "states that predict a token", 2 * costs.states(shapes, size, learnt))
    yield Part(role, "logits chunk, or first gradients", max(chunk, costs.passing(shapes, size, tokens)))


# --- online ----------------------------------------------------------------------------------------------------------


def _of(key: str, stage: StagePlan) -> bool:
    return key.startswith(f"{stage.name}:")


def _scorer(work: Work, key: str) -> tuple[Part, ...]:
    """A fitted reward's adapter and head, and its base where it has one of its own."""
    own, name = work.bases[key], key.partition(":")[2]
    shapes = own or work.shapes
    adapter = () if key in work.bilinear else (Part(name, "adapter", costs.adapter_weights(shapes, work.adapter)),)
    parts = (*adapter, Part(name, "head", _head(work, key, shapes)))
    return parts if own is None else (*_base_parts(name, own, work.size, work.plan.model.quantize), *parts)


def _head(work: Work, key: str, shapes: Shapes) -> int:
    return costs.bilinear_weights(shapes) if key in work.bilinear else costs.head_weights(shapes)


def _online(work: Work, stage: StagePlan, before: Sequence[Part]) -> Iterator[Phase]:
    standing = [p for p in before if p.what != LEFT or stage.value.role != "adapter"]  # the same one, used again
    for reward in stage.rewards:
        key = f"{stage.name}:{reward.component.name}"
        if key in work.bases:
            standing += _scorer(work, key)
            if key in work.lengths:
                yield from _fit(work, key, reward, standing)
    rows, found = stage.rollout.prompts * stage.rollout.samples, work.lengths[stage.name]
    new, prompt = stage.rollout.max_new_tokens, found.longest
    standing += [*_value(work, stage), *_classifiers(work, stage)]
    states = costs.states(work.shapes, work.size, rows * (prompt + new))
    kept = [Part("base", "kept trunk states", states, "host")] if work.keeps else []
    rollout = [*_sampling(work, rows, prompt, new, batch=stage.rollout.batch, merged=True, kept=True)]
    learner = [*_learner("policy", work.adapter_bytes), *_value_learner(work, stage)]
    yield Phase(f"{stage.name}: rollout", (*standing, *learner, *rollout))
    standing += [*learner, *kept]
    yield from _scoring(work, stage, standing, min(rows, FORWARD_ROWS) * (prompt + new))
    yield from _learning(work, stage, standing, rows)


def _value(work: Work, stage: StagePlan) -> Iterator[Part]:
    """The value function's head, and its adapter and base where it has such of its own."""
    if not work.traits[stage.name].values:
        return
    streams, shapes = 1 + sum(reward.limit is not None for reward in stage.rewards), work.critic(stage)
    if stage.value.role == "model":
        yield from _base_parts("value", shapes, work.size, work.plan.model.quantize)
    if stage.value.role != "head":
        own = 2 if stage.value.role == "model" else 1  # a base of its own has a policy's adapter too, which is unused
        yield Part("value", "adapter", own * costs.adapter_weights(shapes, work.adapter))
    yield Part("value", "head", streams * costs.head_weights(shapes))
    if stage.value.solved:
        yield Part("value", "sums it is solved from", streams * costs.ridge_sums(shapes), "host")


def _value_learner(work: Work, stage: StagePlan) -> tuple[Part, ...]:
    if stage.value.role == "head" or not work.traits[stage.name].values:
        return ()
    return _learner("value", costs.adapter_weights(work.critic(stage), work.adapter))


def _value_update(work: Work, stage: StagePlan, step: int, length: int) -> Iterator[Part]:
    """What backward needs of the value function's own pass, while it needs the policy's."""
    if stage.value.role != "head" and work.traits[stage.name].values:
        rows, shapes = min(stage.update.microbatch, step), work.critic(stage)
        activations = costs.activations(shapes, work.adapter, work.size, rows, length)
        yield Part("value", "activations of a microbatch", activations)
        yield Part("value", "first gradients", costs.passing(shapes, work.size, rows * length))


def _classifiers(work: Work, stage: StagePlan, *, scoring: bool = False) -> Iterator[Part]:
    """Models of rewards: on the device, on the CPU, or with `swap` on the device while they score."""
    for reward in stage.rewards:
        key = f"{stage.name}:{reward.component.name}"
        if key not in work.classifiers:
            continue
        away = reward.device == "cpu" or (reward.device == "swap" and not scoring)
        if not scoring or (reward.device == "swap" and not work.machine.unified):
            yield Part(reward.component.name, "classifier", work.classifiers[key], "host" if away else "device")


def _fit(work: Work, key: str, reward: RewardPlan, standing: Sequence[Part]) -> Iterator[Phase]:
    """A fitted reward learns its comparisons."""
    found, name, own = work.lengths[key], reward.component.name, work.bases[key]
    shapes = own or work.shapes
    if key in work.bilinear:
        states = Part(name, "kept states", costs.states(shapes, costs.FP32, 2 * found.rows * found.an_item), "host")
        yield _frozen_layers(work, f"fit {name}", standing, found, (states,), own)
        yield Phase(f"fit {name}: update", (*standing, states, *_learner(name, _head(work, key, shapes))))
        return
    kept = _kept(work, found) if own is None else ()
    weights = costs.adapter_weights(shapes, work.adapter) + _head(work, key, shapes)
    if work.keeps_of(shapes):
        yield _frozen_layers(work, f"fit {name}", standing, found, kept, own)
    update = reward.update or UpdateConfig()
    step = _update(work, update.microbatch, update.batch, found, name, logits=False, shapes=shapes)
    yield Phase(f"fit {name}: update", (*standing, *kept, *_learner(name, weights), *step))


def _scoring(work: Work, stage: StagePlan, standing: Sequence[Part], tokens: int) -> Iterator[Phase]:
    """Rewards judge the replies; a fitted one runs its layers on 32 at a time, unless their states were kept."""
    parts = [*_classifiers(work, stage, scoring=True)]
    for key, own in work.bases.items():
        if _of(key, stage) and not (key in work.bilinear and own is None and work.keeps):
            shapes = own or work.shapes
            passing = costs.passing(shapes, work.size, tokens) + costs.states(shapes, work.size, tokens)
            parts.append(Part(key.partition(":")[2], "a forward pass", passing))
    if parts:
        yield Phase(f"{stage.name}: score", (*standing, *parts))


def _learning(work: Work, stage: StagePlan, standing: Sequence[Part], rows: int) -> Iterator[Phase]:
    """Log-probabilities of policy and reference, the epochs of updates, and the value head's solution."""
    shapes, size, traits = work.shapes, work.size, work.traits[stage.name]
    new = stage.rollout.max_new_tokens
    length = work.lengths[stage.name].longest + new
    found = Lengths(rows, length, rows * length, learnt=new)
    features = costs.states(shapes, costs.FP32, rows * new)
    micros = (
        *((Part("base", "trunk states of all microbatches", costs.states(shapes, size, rows * length)),) * work.keeps),
        Part("value", "features", features),
    )
    step = -(-rows // stage.update.minibatches)
    tokens = min(stage.update.microbatch, step) * length
    passing = costs.passing(shapes, size, tokens) + costs.logits_chunk(shapes, min(step * new, tokens))
    record = (Part("reference", "a forward pass", passing), Part("value", "features, joined", features))
    yield Phase(f"{stage.name}: log-probabilities", (*standing, *micros, *record))
    entropy = traits.entropy_gradient
    update = [
        p for p in _update(work, stage.update.microbatch, step, found, "policy", entropy=entropy)
        if p.what != "trunk states of a microbatch"
    ]  # fmt: skip
    yield Phase(f"{stage.name}: update", (*standing, *micros, *update, *_value_update(work, stage, step, length)))
    if stage.mix is not None:
        mixed = _update(work, stage.update.microbatch, stage.mix.batch, work.lengths[f"{stage.name}.mix"], "policy")
        yield Phase(f"{stage.name}: mix", (*standing, *micros, *mixed))
    if traits.values and stage.value.solved:
        solution = Part("value", "its solution", costs.ridge_solution(shapes, rows * new), "host")
        yield Phase(f"{stage.name}: value head", (*standing, *micros, solution))
