"""Wrong YAMLs and their exact answers: stages, rewards, filters. A `!` marks a missing plugin's."""

from __future__ import annotations

import pytest

from tests.host.conftest import COPY, DATA, MODEL, online

WRONG = {
    # --- stages
    "an offline stage without its data": (
        MODEL + "data: {demonstration: a.jsonl}\n" + COPY,
        [
            "run.yaml:3:10: stages.0: 'copy' needs data.demonstrations, or data here; there is none; "
            "did you mean 'demonstration'?"
        ],
    ),
    "a stage with a name of the run's own": (
        MODEL + DATA + "stages: [{use: copy, as: before}, {use: copy, as: total}, {use: copy, as: afterwards}]\n",
        [
            "run.yaml:3:26: stages.0.as: a stage cannot be named 'before', as a part of the run is; "
            "name it otherwise with as",
            "run.yaml:3:51: stages.1.as: a stage cannot be named 'total', as a part of the run is; "
            "name it otherwise with as",
        ],
    ),
    "keys of the other loop, offline": (
        MODEL + DATA + "stages: [{use: copy, iterations: 3, kl: {}, rewards: [loud]}]\n",
        [
            "run.yaml:3:22: stages.0.iterations: has no effect here: 'copy' is offline, "
            "and an offline stage has epochs",
            "run.yaml:3:37: stages.0.kl: has no effect here: 'copy' is offline, and an offline stage has no KL penalty",
            "run.yaml:3:45: stages.0.rewards: has no effect here: 'copy' is offline, "
            "and an offline stage learns from data",
        ],
    ),
    "keys of the other loop, online": (
        online("[loud]", "    epochs: 2\n    data: a.jsonl\n"),
        [
            "run.yaml:5:5: stages.0.epochs: has no effect here: 'climb' is online, "
            "and an online stage has iterations, and update.epochs",
            "run.yaml:6:5: stages.0.data: has no effect here: 'climb' is online, and an online stage has prompts",
        ],
    ),
    "a mix that samples itself, and one in an offline stage": (
        online("[loud]", "    mix: {use: climb}\n") + "  - {use: copy, mix: copy}\n",
        [
            "run.yaml:5:16: stages.0.mix.use: 'climb' is online; what is mixed in learns from data, as sft does",
            "run.yaml:7:17: stages.1.mix: has no effect here: 'copy' is offline, "
            "and an offline stage learns from its own data",
        ],
    ),
    "a mix without its data, with keys that it has not": (
        MODEL
        + "data: {prompts: b.jsonl}\nstages: [{use: climb, rewards: [loud], mix: {use: copy, batch: 0, rate: 1}}]\n",
        [
            "run.yaml:3:45: stages.0.mix: 'copy' needs data.demonstrations, or data here; there is none",
            "run.yaml:3:64: stages.0.mix.batch: must be greater than 0, not 0",
            "run.yaml:3:67: stages.0.mix.rate: unknown key",
        ],
    ),
    "an online stage without rewards": (
        MODEL + DATA + "stages: [climb, {use: climb, as: b, rewards: []}]\n",
        [
            "run.yaml:3:10: stages.0: an online stage needs at least one reward",
            "run.yaml:3:46: stages.1.rewards: an online stage needs at least one reward",
        ],
    ),
    "an online stage without prompts": (
        MODEL + "stages: [{use: climb, rewards: [loud]}]\n",
        ["run.yaml:2:10: stages.0: 'climb' needs data.prompts, or prompts here; there is none"],
    ),
    "prompts that are no data key": (
        MODEL + DATA + "stages: [{use: climb, prompts: promts, rewards: [loud]}]\n",
        ["run.yaml:3:32: stages.0.prompts: no such file or data key: 'promts'; did you mean 'prompts'?"],
    ),
    "stage keys out of range": (
        online(
            "[loud]",
            "    iterations: 0\n    rollout: {prompts: -1, samples: 1.5, temperature: .inf}\n    kl: {beta: hot}\n"
            "    update: {learning_rate: 0, schedule: cosin, warmup: 2, whiten: 3, microbach: 1}\n"
            "    value: {fit: rige}\n    max_without_opinion: 2\n    select: {every: 0}\n",
        ),
        [
            "run.yaml:5:17: stages.0.iterations: must be greater than 0, not 0",
            "run.yaml:6:24: stages.0.rollout.prompts: must be greater than 0, not -1",
            "run.yaml:6:37: stages.0.rollout.samples: must be a whole number, not 1.5",
            "run.yaml:6:55: stages.0.rollout.temperature: must be a finite number, not inf",
            "run.yaml:7:16: stages.0.kl.beta: must be a number, not 'hot'",
            "run.yaml:8:29: stages.0.update.learning_rate: must be greater than 0, not 0",
            "run.yaml:8:42: stages.0.update.schedule: must be 'constant', 'linear' or 'cosine', not 'cosin'; "
            "did you mean 'cosine'?",
            "run.yaml:8:57: stages.0.update.warmup: must be at most 1, not 2",
            "run.yaml:8:68: stages.0.update.whiten: must be true or false, not 3",
            "run.yaml:8:71: stages.0.update.microbach: unknown key; did you mean 'microbatch'?",
            "run.yaml:9:18: stages.0.value.fit: must be 'ridge' or 'gradient', not 'rige'; did you mean 'ridge'?",
            "run.yaml:10:26: stages.0.max_without_opinion: must be at most 1, not 2",
            "run.yaml:11:13: stages.0.select.metric: is required",
            "run.yaml:11:21: stages.0.select.every: must be greater than 0, not 0",
        ],
    ),
    "a value function whose parts do not go together": (
        MODEL + DATA + "stages:\n"
        "  - {use: climb, as: one, value: {role: model}, rewards: [loud]}\n"
        "  - {use: climb, as: two, value: {base: ./other}, rewards: [loud]}\n"
        "  - {use: climb, as: three, value: {role: adapter, fit: ridge}, rewards: [loud]}\n",
        [
            "run.yaml:4:34: stages.0.value: role: model needs a base; with role: adapter it shares the run's",
            "run.yaml:5:34: stages.1.value: base has no effect with role: head; write role: model",
            "run.yaml:6:36: stages.2.value: fit: ridge solves a head alone; role: adapter learns by the gradient",
        ],
    ),
    "sampling from a part of the distribution": (
        MODEL + DATA + "stages: [{use: climb, rollout: {top_p: 0.9, top_k: 50}, rewards: [loud]}]\n",
        [
            f"run.yaml:3:{column}: stages.0.rollout.{key}: unknown key; replies are sampled from the whole "
            "distribution, since a cut one biases the probability ratio: set temperature"
            for column, key in ((33, "top_p"), (45, "top_k"))
        ],
    ),
    "a stage that is not installed does not hide its rewards": (
        MODEL + DATA + "stages: [{use: ppo, rewards: [lodu]}]\n",
        [
            "!run.yaml:3:16: stages.0.use: optimizer 'ppo' is not installed; pip install dressage-ppo",
            "run.yaml:3:31: stages.0.rewards.0: no reward is named 'lodu'; did you mean 'loud'?",
        ],
    ),
    # --- rewards
    "reward keys out of range": (
        online("[{use: loud, weight: -1, limit: {}, device: gpu, bounds: [1, 0], normalize: whitn, batch_size: x}]"),
        [
            "run.yaml:5:35: stages.0.rewards.0.weight: must be at least 0, not -1",
            "run.yaml:5:46: stages.0.rewards.0.limit: needs max or min",
            "run.yaml:5:58: stages.0.rewards.0.device: must be cpu, cuda, cuda:N, xpu, mps or swap, not 'gpu'",
            "run.yaml:5:71: stages.0.rewards.0.bounds: must be [low, high] with low below high, not [1, 0]",
            "run.yaml:5:90: stages.0.rewards.0.normalize: must be 'none', 'whiten' or 'running', not 'whitn'; "
            "did you mean 'whiten'?",
            "run.yaml:5:109: stages.0.rewards.0.batch_size: must be a whole number, not 'x'",
        ],
    ),
    "a limit that nothing meets": (
        online("[{use: loud, limit: {max: 1, min: 2}}]"),
        ["run.yaml:5:34: stages.0.rewards.0.limit: min (2) is above max (1)"],
    ),
    "a limit that the bounds always meet, or never": (
        online("[{use: loud, bounds: [0, 1], limit: {max: 1}}, {use: loud, as: b, bounds: [0, 1], limit: {min: 2}}]"),
        [
            "run.yaml:5:56: stages.0.rewards.0.limit.max: has no effect here: bounds keep every score between 0 and 1",
            "run.yaml:5:109: stages.0.rewards.1.limit.min: cannot be met: bounds keep every score between 0 and 1",
        ],
    ),
    "a multiplier that would not move": (
        online("[{use: loud, limit: {max: 1, rate: 0, window: 0, cieling: 3}}]"),
        [
            "run.yaml:5:49: stages.0.rewards.0.limit.rate: must be greater than 0, not 0",
            "run.yaml:5:60: stages.0.rewards.0.limit.window: must be greater than 0, not 0",
            "run.yaml:5:63: stages.0.rewards.0.limit.cieling: unknown key; did you mean 'ceiling'?",
        ],
    ),
    "a limit that is no number": (
        online("[{use: loud, limit: {max: .nan}}]"),
        ["run.yaml:5:34: stages.0.rewards.0.limit: max and min must be finite numbers"],
    ),
    "nothing to train on": (
        online("[{use: loud, weight: 0}]"),
        ["run.yaml:5:14: stages.0.rewards: every weight is 0 and nothing has a limit, so there is nothing to train on"],
    ),
    "a reward that is not fitted": (
        online("[{use: loud, epochs: 2, update: {}}]"),
        [
            "run.yaml:5:27: stages.0.rewards.0.epochs: has no effect here: 'loud' is not fitted",
            "run.yaml:5:38: stages.0.rewards.0.update: has no effect here: 'loud' is not fitted",
        ],
    ),
    "a fitted reward without comparisons": (
        MODEL + "data: {prompts: a.jsonl}\nstages: [{use: climb, rewards: [learnt]}]\n",
        ["run.yaml:3:33: stages.0.rewards.0: 'learnt' needs data.comparisons; there is none"],
    ),
    # --- filters
    "a filter on nothing": (
        MODEL + "data: {prompts: a.jsonl}\nfilters: [{use: by-score, with: {source: loud}}]\nevaluate: {}\n"
        "stages: [{use: climb, rewards: [loud]}]\n",
        ["run.yaml:3:11: filters.0: no data set is named 'demonstrations'; there are: prompts"],
    ),
    "a filter on a misspelt set": (
        MODEL + DATA + "filters: [{use: by-score, on: [promts], with: {source: loud}}]\n" + COPY,
        ["run.yaml:3:31: filters.0.on: no data set is named 'promts'; did you mean 'prompts'?"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_yaml_is_answered_with_these_lines(text, expected, answers):
    assert answers(text) == expected
