"""Faults in the mathematics, each of which a test must find: `make mutants`, which is `python -m tests.mutants`.

A fault is one line of the pure functions, of the reward head or of the PPO plugin, as an implementation of PPO has had
it, or as one slips when typing. It is made in a copy of the sources, never in the checkout; the tests of that file then
run against the copy until one fails. A fault that no test finds, or whose line is no longer there, is an error.

    python -m tests.mutants             all of them
    python -m tests.mutants whiten      those whose name or file has the word
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OPS, PPO = "core/dressage/ops", "plugins/dressage-ppo/dressage_ppo"
HEADS, CRITIC, BATCHING = (f"core/dressage/run/{name}.py" for name in ("heads", "critic", "batching"))
SOURCES = ("core/dressage", PPO)
TESTS = {
    f"{OPS}/advantages.py": "tests/ops/test_advantages.py",
    f"{OPS}/kl.py": "tests/ops/test_kl.py",
    f"{OPS}/limits.py": "tests/ops/test_limits.py",
    f"{OPS}/logprobs.py": "tests/ops/test_logprobs.py",
    f"{OPS}/losses.py": "tests/ops/test_losses.py",
    f"{OPS}/masking.py": "tests/ops/test_masking.py",
    HEADS: "tests/run/test_heads.py",
    CRITIC: "tests/run/test_critic.py",
    BATCHING: "tests/run/test_batching.py",
    f"{PPO}/optimizer.py": "plugins/dressage-ppo/tests/test_optimizer.py",
}
"""The test file that must find what is wrong in a file."""
SECONDS = 600
"""The longest that the tests of one file may take."""


@dataclass(frozen=True)
class Fault:
    """One line that is wrong, and in words what is wrong with it."""

    name: str
    file: str
    right: str
    wrong: str

    @property
    def tests(self) -> str:
        """The test file that must find it."""
        return TESTS[self.file]

    def applied(self, text: str) -> str:
        """A file's text with the fault in it; raises `ValueError` where the right line is not there just once."""
        count = text.count(self.right)
        if count != 1:
            raise ValueError(f"{self.name}: found {count} times in {self.file}, not once: {self.right}")
        return text.replace(self.right, self.wrong)


FAULTS = (
    # --- means and whitening ------------------------------------------------------------------------------------------
    Fault(
        "the mean counts padding",
        f"{OPS}/masking.py",
        "return keep(x, mask).sum() / mask.sum().clamp(min=1)",
        "return keep(x, mask).mean()",
    ),
    Fault(
        "a masked NaN is multiplied by 0 instead of left out",
        f"{OPS}/masking.py",
        "return torch.where(mask.bool(), x, torch.zeros((), dtype=x.dtype, device=x.device))",
        "return x * mask",
    ),
    Fault(
        "whitening takes the variance of padding too",
        f"{OPS}/masking.py",
        "torch.rsqrt(masked_variance(x, mask) + 1e-8)",
        "torch.rsqrt(masked_variance(x, torch.ones_like(mask)) + 1e-8)",
    ),
    Fault(
        "the variance is biased (n, not n - 1)",
        f"{OPS}/masking.py",
        "/ (mask.sum() - 1).clamp(min=1)",
        "/ mask.sum().clamp(min=1)",
    ),
    Fault(
        "whitening adds its epsilon to the deviation, not to the variance",
        f"{OPS}/masking.py",
        "torch.rsqrt(masked_variance(x, mask) + 1e-8)",
        "(masked_variance(x, mask).sqrt() + 1e-8).reciprocal()",
    ),
    Fault(
        "whitened rewards lose their mean",
        f"{OPS}/masking.py",
        "return white if shift_mean else keep(white + mean, mask)",
        "return white",
    ),
    Fault(
        "a mean that is kept is added to padding too",
        f"{OPS}/masking.py",
        "return white if shift_mean else keep(white + mean, mask)",
        "return white if shift_mean else white + mean",
    ),
    # --- advantages ---------------------------------------------------------------------------------------------------
    Fault(
        "GAE goes on with the value at the padding after the last token",
        f"{OPS}/advantages.py",
        "rewards, values = keep(rewards, mask), keep(values, mask)",
        "rewards = keep(rewards, mask)",
    ),
    Fault(
        "GAE discounts the reward instead of the next value",
        f"{OPS}/advantages.py",
        "deltas = rewards + gamma * following - values",
        "deltas = gamma * rewards + following - values",
    ),
    Fault(
        "GAE takes the value of the same token for the next",
        f"{OPS}/advantages.py",
        "deltas = rewards + gamma * following - values",
        "deltas = rewards + gamma * values - values",
    ),
    Fault(
        "GAE decays by lambda alone, without gamma",
        f"{OPS}/advantages.py",
        "running = deltas[:, t] + gamma * lam * running",
        "running = deltas[:, t] + lam * running",
    ),
    Fault(
        "GAE runs forward in time",
        f"{OPS}/advantages.py",
        "for t in range(deltas.shape[1] - 1, -1, -1):",
        "for t in range(deltas.shape[1]):",
    ),
    Fault(
        "returns are advantages without the values",
        f"{OPS}/advantages.py",
        "return advantages, advantages + values",
        "return advantages, advantages",
    ),
    Fault(
        "a reply stands in its own baseline",
        f"{OPS}/advantages.py",
        "(sizes / (sizes - 1).clamp(min=1))[index] if leave_one_out",
        "(sizes / sizes)[index] if leave_one_out",
    ),
    Fault(
        "the explained variance is a ratio of squares, not of variances",
        f"{OPS}/advantages.py",
        "masked_variance(keep(returns - values, mask), mask) / variance",
        "keep(returns - values, mask).square().sum() / keep(returns, mask).square().sum()",
    ),
    # --- KL and rewards -----------------------------------------------------------------------------------------------
    Fault(
        "the KL has the wrong sign",
        f"{OPS}/kl.py",
        "delta = logprobs - ref_logprobs\n",
        "delta = ref_logprobs - logprobs\n",
    ),
    Fault(
        "k3 has policy and reference swapped",
        f"{OPS}/kl.py",
        "(torch.expm1(-delta) + delta)",
        "(torch.expm1(delta) - delta)",
    ),
    Fault(
        "k2 lacks its half",
        f"{OPS}/kl.py",
        "return 0.5 * delta.square()",
        "return delta.square()",
    ),
    Fault(
        "the KL penalty pays for distance",
        f"{OPS}/kl.py",
        "keep(-beta * (logprobs - ref_logprobs), mask)",
        "keep(beta * (logprobs - ref_logprobs), mask)",
    ),
    Fault(
        "the KL penalty is taken on padding",
        f"{OPS}/kl.py",
        "keep(-beta * (logprobs - ref_logprobs), mask)",
        "-beta * (logprobs - ref_logprobs)",
    ),
    Fault(
        "the KL penalty is k2, never negative",
        f"{OPS}/kl.py",
        "keep(-beta * (logprobs - ref_logprobs), mask)",
        "keep(-beta * 0.5 * (logprobs - ref_logprobs).square(), mask)",
    ),
    Fault(
        "the score is put on the last column, padding or not",
        f"{OPS}/kl.py",
        "torch.where(places == last,",
        "torch.where(places == mask.shape[1] - 1,",
    ),
    Fault(
        "the score is put on every token",
        f"{OPS}/kl.py",
        "torch.where(places == last,",
        "torch.where(real,",
    ),
    Fault(
        "the score replaces the penalty of the last token",
        f"{OPS}/kl.py",
        "rewards + scores.to(rewards.dtype)[:, None], rewards)",
        "scores.to(rewards.dtype)[:, None], rewards)",
    ),
    Fault(
        "the KL controller is bounded on one side only",
        f"{OPS}/kl.py",
        "min(max(kl / target - 1, -0.2), 0.2)",
        "min(kl / target - 1, 0.2)",
    ),
    # --- losses -------------------------------------------------------------------------------------------------------
    Fault(
        "the policy loss takes the smaller of plain and clipped",
        f"{OPS}/losses.py",
        "masked_mean(torch.maximum(-advantages",
        "masked_mean(torch.minimum(-advantages",
    ),
    Fault(
        "the ratio is clipped from above only",
        f"{OPS}/losses.py",
        "ratio.clamp(1 - clip, 1 + clip)), mask)",
        "ratio.clamp(max=1 + clip)), mask)",
    ),
    Fault(
        "the policy loss is clipped whatever the plain one is",
        f"{OPS}/losses.py",
        "torch.maximum(-advantages * ratio, -advantages * ratio.clamp",
        "torch.maximum(-advantages * ratio.clamp(1 - clip, 1 + clip), -advantages * ratio.clamp",
    ),
    Fault(
        "the ratio is upside down",
        f"{OPS}/losses.py",
        "keep(logprobs - old_logprobs, mask)",
        "keep(old_logprobs - logprobs, mask)",
    ),
    Fault(
        "the log-ratio is not bounded before exp",
        f"{OPS}/losses.py",
        "mask).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT))",
        "mask))",
    ),
    Fault(
        "the value loss takes the smaller of plain and clipped",
        f"{OPS}/losses.py",
        "error = torch.maximum(error,",
        "error = torch.minimum(error,",
    ),
    Fault(
        "the value is clipped from above only",
        f"{OPS}/losses.py",
        "torch.maximum(torch.minimum(values, old_values + clip), old_values - clip)",
        "torch.minimum(values, old_values + clip)",
    ),
    Fault(
        "the value is clipped around the return",
        f"{OPS}/losses.py",
        "torch.maximum(torch.minimum(values, old_values + clip), old_values - clip)",
        "torch.maximum(torch.minimum(values, returns + clip), returns - clip)",
    ),
    Fault(
        "the value loss lacks its half",
        f"{OPS}/losses.py",
        "return 0.5 * masked_mean(error, mask)",
        "return masked_mean(error, mask)",
    ),
    Fault(
        "each sequence's mean counts alike, however long it is",
        f"{OPS}/losses.py",
        "return 0.5 * masked_mean(error, mask)",
        "return 0.5 * (keep(error, mask).sum(-1) / mask.sum(-1).clamp(min=1)).mean()",
    ),
    Fault(
        "label smoothing is left out",
        f"{OPS}/losses.py",
        "return -((1 - label_smoothing) * right + label_smoothing * wrong).mean()",
        "return -right.mean()",
    ),
    # --- log-probabilities --------------------------------------------------------------------------------------------
    Fault(
        "the temperature does not divide the logits",
        f"{OPS}/logprobs.py",
        ".div_(head.temperature).clamp_",
        ".clamp_",
    ),
    Fault(
        "the temperature does not divide capped logits",
        f"{OPS}/logprobs.py",
        "torch.log_softmax(_wide(logits) / self.temperature, dim=-1)",
        "torch.log_softmax(_wide(logits), dim=-1)",
    ),
    Fault(
        "the token's own logit is not divided by the temperature",
        f"{OPS}/logprobs.py",
        "_wide(_at(logits, tokens) - highest) / head.temperature",
        "_wide(_at(logits, tokens) - highest)",
    ),
    Fault(
        "the gradient lacks the temperature",
        f"{OPS}/logprobs.py",
        "slopes.append((slope / head.temperature)",
        "slopes.append((slope)",
    ),
    Fault(
        "the head's bias is forgotten",
        f"{OPS}/logprobs.py",
        "logits if self.bias is None else logits + self.bias",
        "logits",
    ),
    Fault(
        "the softmax of a 16-bit model is taken in 16 bits",
        f"{OPS}/logprobs.py",
        "return x if x.dtype == torch.float64 else x.float()",
        "return x",
    ),
    Fault(
        "a tile's tokens are looked for in the first tile",
        f"{OPS}/logprobs.py",
        "tile, _wide(highest)[:, None], tokens - start, head",
        "tile, _wide(highest)[:, None], tokens, head",
    ),
    Fault(
        "a tile meets the first tile's head",
        f"{OPS}/logprobs.py",
        "head.weight[start : start + width])",
        "head.weight[: tile.shape[1]])",
    ),
    Fault(
        "the soft cap is applied after the temperature",
        f"{OPS}/logprobs.py",
        "logits = self.transform(logits)",
        "logits = self.transform(logits / self.temperature) * self.temperature",
    ),
    Fault(
        "the entropy has the wrong sign",
        f"{OPS}/logprobs.py",
        "total.log() - (sums.weighted + own_weighted) / total",
        "(sums.weighted + own_weighted) / total - total.log()",
    ),
    Fault(
        "the entropy leaves the token out",
        f"{OPS}/logprobs.py",
        "(sums.weighted + own_weighted) / total, sums.is_highest",
        "sums.weighted / total, sums.is_highest",
    ),
    Fault(
        "the gradient of the entropy forgets that probabilities sum to 1",
        f"{OPS}/logprobs.py",
        "(total.log() - entropy)[:, None] * mean",
        "total.log()[:, None] * mean",
    ),
    # --- the PPO plugin -----------------------------------------------------------------------------------------------
    Fault(
        "lambda is given for gamma",
        f"{PPO}/optimizer.py",
        "gamma=self.options.gamma,",
        "gamma=self.options.lam,",
    ),
    Fault(
        "rewards at padding count in a reply's return",
        f"{PPO}/optimizer.py",
        "torch.where(mask.bool(), trajectories.rewards, 0.0).sum(dim=1)",
        "trajectories.rewards.sum(dim=1)",
    ),
    Fault(
        "the group baseline leaves none out",
        f"{PPO}/optimizer.py",
        "leave_one_out=True",
        "leave_one_out=False",
    ),
    Fault(
        "the group baseline is that of the whole batch",
        f"{PPO}/optimizer.py",
        "group_center(returns, trajectories.groups,",
        "group_center(returns, torch.zeros_like(trajectories.groups),",
    ),
    Fault(
        "the ratio is to the reference, not to the policy that sampled",
        f"{PPO}/optimizer.py",
        "outputs.logprobs, experience.logprobs, outputs.mask",
        "outputs.logprobs, experience.ref_logprobs, outputs.mask",
    ),
    Fault(
        "values learn advantages in place of returns",
        f"{PPO}/optimizer.py",
        "outputs.values, experience.values, experience.returns, mask",
        "outputs.values, experience.values, experience.advantages, mask",
    ),
    Fault(
        "values are clipped as ratios are",
        f"{PPO}/optimizer.py",
        "clip=self.options.value_clip",
        "clip=self.options.clip",
    ),
    Fault(
        "the value loss is not weighted",
        f"{PPO}/optimizer.py",
        "policy + self.options.value_coefficient * value",
        "policy + value",
    ),
    Fault(
        "the clip fraction counts one side only",
        f"{PPO}/optimizer.py",
        "((ratio - 1).abs() > self.options.clip)",
        "((ratio - 1) > self.options.clip)",
    ),
    Fault(
        "the approximate KL has old and new swapped",
        f"{PPO}/optimizer.py",
        'kl_estimate(old, new, "k3")',
        'kl_estimate(new, old, "k3")',
    ),
    # --- the value function, and what shares a pass -------------------------------------------------------------------
    Fault(
        "a value adapter's head reads the policy's states",
        CRITIC,
        "states = replace(micro, padded=padded).states(self.network, ROLE)",
        "replace(micro, padded=padded).states(self.network, ROLE)",
    ),
    Fault(
        "a value adapter begins anew, not as the policy is",
        CRITIC,
        "adapters.load(ROLE, adapters.state(POLICY))",
        "adapters.state(POLICY)",
    ),
    Fault(
        "another base's values read states that the policy's base kept",
        CRITIC,
        "self._kept = own is None",
        "self._kept = True",
    ),
    Fault(
        "values of padding are not 0",
        CRITIC,
        "return self.head(states) * micro.mask",
        "return self.head(states)",
    ),
    Fault(
        "a part is as wide as its first sequence was found to be",
        BATCHING,
        "width = max(width, len(sequences[i]))",
        "width = len(sequences[i])",
    ),
    Fault(
        "the second sequence of a pair is not counted",
        BATCHING,
        "(len(found[-1]) + 1) * an_item * width <= budget",
        "(len(found[-1]) + 1) * width <= budget",
    ),
    Fault(
        "the smallest part comes first",
        BATCHING,
        "key=lambda part: padded([sequences[i] for i in part]), reverse=True)",
        "key=lambda part: padded([sequences[i] for i in part]))",
    ),
    Fault(
        "beginnings that few share part sequences of like length",
        BATCHING,
        "beginnings[i] if count[beginnings[i]] >= MANY else ()",
        "beginnings[i]",
    ),
    # --- constraints --------------------------------------------------------------------------------------------------
    Fault(
        "a multiplier falls where its limit is violated",
        f"{OPS}/limits.py",
        "step = min(max(rate * multiplier * excess, -LARGEST_STEP), LARGEST_STEP)",
        "step = min(max(-rate * multiplier * excess, -LARGEST_STEP), LARGEST_STEP)",
    ),
    Fault(
        "a multiplier's step does not grow with the multiplier",
        f"{OPS}/limits.py",
        "step = min(max(rate * multiplier * excess, -LARGEST_STEP), LARGEST_STEP)",
        "step = min(max(rate * excess, -LARGEST_STEP), LARGEST_STEP)",
    ),
    Fault(
        "a multiplier's step has no bound below",
        f"{OPS}/limits.py",
        "step = min(max(rate * multiplier * excess, -LARGEST_STEP), LARGEST_STEP)",
        "step = min(rate * multiplier * excess, LARGEST_STEP)",
    ),
    Fault(
        "a multiplier has no ceiling",
        f"{OPS}/limits.py",
        "return min(multiplier * math.exp(step), ceiling)",
        "return multiplier * math.exp(step)",
    ),
    Fault(
        "a multiplier moves itself and not its logarithm",
        f"{OPS}/limits.py",
        "return min(multiplier * math.exp(step), ceiling)",
        "return min(multiplier + step, ceiling)",
    ),
    Fault(
        "a cost is added to the reward",
        f"{OPS}/limits.py",
        "advantages = advantages - multiplier * cost",
        "advantages = advantages + multiplier * cost",
    ),
    Fault(
        "a cost counts without its multiplier",
        f"{OPS}/limits.py",
        "advantages = advantages - multiplier * cost",
        "advantages = advantages - cost",
    ),
    Fault(
        "advantages under constraints grow with the multipliers",
        f"{OPS}/limits.py",
        "return advantages / (1.0 + sum(multiplier for multiplier, _ in costs))",
        "return advantages",
    ),
    # --- the bilinear reward head -------------------------------------------------------------------------------------
    Fault(
        "prompt and answer are exchanged",
        HEADS,
        "prompt, answer = ((summaries.float() - self.mean) * self.scale).unbind(1)",
        "answer, prompt = ((summaries.float() - self.mean) * self.scale).unbind(1)",
    ),
    Fault(
        "states are not centred",
        HEADS,
        "self.mean.copy_(summaries.mean(0))",
        "self.mean.zero_()",
    ),
    Fault(
        "prompt and answer are standardised together",
        HEADS,
        "spread = summaries.std(0, correction=0)",
        "spread = summaries.std((0, 1), correction=0).expand(2, -1)",
    ),
    Fault(
        "the prompt's state is that of the answer's first token",
        HEADS,
        "return torch.stack([states[max(first - 1, 0)].float(), states[: len(mask)][answer].float().mean(0)])",
        "return torch.stack([states[first].float(), states[: len(mask)][answer].float().mean(0)])",
    ),
    Fault(
        "the answer's mean has the prompt in it",
        HEADS,
        "return torch.stack([states[max(first - 1, 0)].float(), states[: len(mask)][answer].float().mean(0)])",
        "return torch.stack([states[max(first - 1, 0)].float(), states[: len(mask)].float().mean(0)])",
    ),
    Fault(
        "the answer's score does not depend on the prompt",
        HEADS,
        "return ((prompt @ self.weight + self.bias) * answer).sum(-1, keepdim=True)",
        "return (self.bias * answer).sum(-1, keepdim=True)",
    ),
)


class Witness:
    """A pytest plugin that remembers what failed first."""

    def __init__(self) -> None:
        self.failed = ""
        self.broken = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.broken:
            self.broken = report.nodeid


def copy_sources(folder: Path) -> None:
    """The core and the PPO plugin, as they are in the checkout."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def ask(folder: Path, tests: str, answer: Any) -> None:
    """In a process of its own: runs a test file against the sources in a folder, and says what failed first."""
    import pytest

    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    paths = [str((folder / name).parent) for name in SOURCES]
    sys.path[:0] = paths
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    import dressage

    assert Path(dressage.__file__).is_relative_to(folder), "the copy is not what is tested"
    witness = Witness()
    code = pytest.main(["-x", "-q", str(ROOT / tests)], plugins=[witness])
    answer.send((int(code), witness.failed, witness.broken))


def outcome(folder: Path, tests: str) -> tuple[int, str, str]:
    """pytest's exit code, the first test that failed, and what could not even be imported."""
    processes = multiprocessing.get_context("fork")  # torch is loaded once, before; the sources are not
    here, there = processes.Pipe(duplex=False)
    process = processes.Process(target=ask, args=(folder, tests, there))
    process.start()
    there.close()
    found: tuple[int, str, str] = (-1, "", "")
    if here.poll(SECONDS):
        try:
            found = here.recv()
        except EOFError:
            found = (-1, "", "the process")
    process.kill()
    process.join()
    return found


def chosen(words: Sequence[str]) -> list[Fault]:
    """The faults whose name or file has one of the words; all where there is none."""
    return [f for f in FAULTS if not words or any(word in f.name or word in f.file for word in words)]


def hunt(faults: Sequence[Fault], folder: Path) -> list[str]:
    """Makes each fault in turn, prints which test finds it, and returns what is wrong."""
    copy_sources(folder)
    for tests in sorted({fault.tests for fault in faults}):
        code, failed, broken = outcome(folder, tests)
        if code != 0:
            return [f"{failed or broken or tests} fails without any fault; mend that first"]
    wrong = []
    width = max(len(fault.name) for fault in faults)
    for fault in faults:
        path = folder / fault.file
        text = path.read_text(encoding="utf-8")
        try:
            path.write_text(fault.applied(text), encoding="utf-8")
            code, failed, broken = outcome(folder, fault.tests)
        except ValueError as error:
            wrong.append(str(error))
            continue
        finally:
            path.write_text(text, encoding="utf-8")
        if code != 1 or not failed or broken:
            wrong.append(f"{fault.name} ({fault.file}): " + ("survives" if code == 0 else "does not even run"))
        print(f"{fault.name:<{width}}  {failed.rpartition('/')[2] or 'SURVIVES'}", flush=True)
    return wrong


def main() -> int:
    """Hunts the faults that are asked for; 0 where a test finds each."""
    import hypothesis  # noqa: F401  # what every test loads, loaded once
    import pydantic  # noqa: F401
    import torch

    torch.set_num_threads(1)
    os.chdir(ROOT)
    sys.dont_write_bytecode = True  # two faults of one second and one length would share their bytecode
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    faults = chosen(sys.argv[1:])
    if not faults:
        print(f"no fault has {' or '.join(sys.argv[1:])} in its name or file", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        wrong = hunt(faults, Path(folder).resolve())
    for text in wrong:
        print(text, file=sys.stderr)
    print(f"{len(faults) - len(wrong)} of {len(faults)} faults are found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
