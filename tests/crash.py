"""Runs that are killed at random instants and go on: `make crash`, which is `python -m tests.crash`.

A run of SFT, a reward model and PPO with selection on a tiny model is killed with SIGKILL at the n-th call that it
makes, n drawn from a seed; every third one while a checkpoint is being written, in pieces, so that a file may be half
there. What a user would type then is typed (`--resume`, or the same command again where nothing was begun), and
every other run is killed once more. What is left in the end must be what a run leaves that nothing killed.

    python -m tests.crash --instants 30 --seed 0
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

YAML = """\
seed: 0
model: {base: model, device: cpu, dtype: float32, adapter: {r: 4, layers: 2}}
data: {demonstrations: answers.jsonl, comparisons: pairs.jsonl, prompts: prompts.jsonl}
stages:
  - {use: sft, epochs: 2, update: {batch: 4}}
  - use: ppo
    iterations: 6
    rollout: {prompts: 4, max_new_tokens: 4}
    update: {epochs: 2, minibatches: 2, schedule: cosine}
    kl: {beta: 0.1, target: 0.5, horizon: 50}
    select: {every: 2, metric: length.valid.words, mode: max}
    rewards:
      - {use: pattern, normalize: running, with: {patterns: ["[a-e]"]}}
      - {use: reward-model, update: {batch: 4}}
evaluate: {sets: {valid: valid.jsonl}, measures: [length], samples: 2, resamples: 20}
"""
ROWS = {
    "answers": [{"prompt": f"question {i}?", "response": f"answer {i} of all"} for i in range(8)],
    "pairs": [{"prompt": f"pair {i}?", "chosen": f"good {i}", "rejected": f"bad, {i} times"} for i in range(6)],
    "prompts": [{"prompt": f"ask {i}, please"} for i in range(6)],
    "valid": [{"prompt": f"valid {i}"} for i in range(3)],
}
LOADED = (
    "dressage.cli.main", "dressage.cli.run", "dressage.host", "dressage.run.loop", "dressage.run.report",
    "dressage.testing", "dressage_ppo.optimizer", "dressage_evals", "dressage_reward_model", "dressage_rules",
    "dressage_sft", "transformers.models.llama.modeling_llama", "peft",
)  # fmt: skip
"""What each process would load; they are forked from one that has."""
PIECES = 12
"""In how many pieces a checkpoint's tensors are written."""
SAVES = 5
"""Checkpoints of an unhurt run: an epoch, SFT, the fitted reward, PPO's fifth iteration, PPO."""
PASSING = {"name", "date", "seconds", "peak_bytes"}
"""What a report says that another run need not."""
SECONDS = 900
"""The longest that one process may take."""


@dataclass(frozen=True)
class Instant:
    """When a process is killed: at a share of the calls that a whole run makes, or that a save makes."""

    share: float
    save: int = 0
    """Which save of the process, from 1; 0 for a share of the whole run."""

    def __str__(self) -> str:
        return f"{self.share:5.1%} of " + (f"checkpoint {self.save}" if self.save else "the run")


@dataclass(frozen=True)
class Calls:
    """How many calls a run made, and each of its saves."""

    run: int
    saves: tuple[int, ...]

    def at(self, instant: Instant) -> int:
        """The call that is a process's last."""
        whole = self.saves[instant.save - 1] if instant.save else self.run
        return 1 + int(instant.share * (whole - 1))


@dataclass(frozen=True)
class Left:
    """What a run left that another of the same seed must leave too."""

    adapter: bytes
    metrics: str
    samples: str
    timed: list[tuple[str, int]]
    """The stages and iterations whose seconds are written down."""
    report: dict[str, Any]

    @classmethod
    def of(cls, folder: Path) -> Left:
        """What is in a run folder."""
        return cls(
            (folder / "model" / "adapter_model.safetensors").read_bytes(),
            (folder / "metrics.jsonl").read_text(encoding="utf-8"),
            (folder / "samples.jsonl").read_text(encoding="utf-8"),
            [(row["stage"], row["step"]) for row in map(json.loads, (folder / "timings.jsonl").open(encoding="utf-8"))],
            _lasting(json.loads((folder / "report.json").read_text(encoding="utf-8"))),
        )

    def unlike(self, other: Left) -> list[str]:
        """The names of what differs."""
        return [name for name, value in vars(self).items() if value != getattr(other, name)]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in PASSING}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value


# --- in the process that is killed -----------------------------------------------------------------------------------


def watch(last: int) -> tuple[Callable[[Any, str, Any], None], Callable[[], int]]:
    """What Python calls at each call, which kills the process at number `last`, and how often it was called."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return count, lambda: calls


def live(place: str, arguments: tuple[str, ...], save: int, last: int) -> None:
    """Runs `dressage ARGUMENTS` in a folder, and dies at call number `last` of the run, or of save number `save`.

    Calls of Python functions are counted, in a save those of C functions too. Where `last` is 0 it lives, and writes
    down how many calls there were; where it is -1 it lives unwatched.
    """
    os.chdir(place)
    with open("log", "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", DRESSAGE_CACHE=str(Path("cache").resolve()))
    import torch
    from dressage.cli.main import main
    from dressage.run import checkpoint

    torch.set_num_threads(1)
    whole, saves = checkpoint.save, []

    def watched(*given: Any, **settings: Any) -> Any:
        number = len(saves) + 1
        count, counted = watch(last if save == number else 0)
        saves.append(counted)
        if last == 0 or save == number:
            sys.setprofile(count)
        try:
            return whole(*given, **settings)
        finally:
            sys.setprofile(None)

    checkpoint.save, checkpoint.save_file = watched, in_pieces
    count, counted = watch(last)
    if last >= 0 and save == 0:
        sys.settrace(count)
    code = main(arguments)
    sys.settrace(None)
    if last == 0:
        Path("calls.json").write_text(json.dumps([counted(), [one() for one in saves]]))
    os._exit(code)


def in_pieces(tensors: dict[str, Any], path: Path) -> None:
    """What safetensors writes at once."""
    from safetensors.torch import save

    body = save(tensors)
    size = -(-len(body) // PIECES)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(body), size):
            file.write(body[start : start + size])


# --- in the process that kills ---------------------------------------------------------------------------------------


class Place:
    """A folder with a model, data and a YAML, in which runs are started, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        from dressage.testing import tiny_model

        self.folder = folder
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(list(LOADED))
        tiny_model(folder / "model")
        (folder / "run.yaml").write_text(YAML, encoding="utf-8")
        for name, rows in ROWS.items():
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def start(self, run: str, *more: str, save: int = 0, last: int = -1) -> int:
        """The exit code of `dressage run`; that of a process that was killed is -9."""
        arguments = ("run", "run.yaml", "--run-dir", run, *more)
        process = self.processes.Process(target=live, args=(str(self.folder), arguments, save, last))
        process.start()
        process.join(SECONDS)
        process.kill()  # where it hangs
        process.join()
        return int(process.exitcode or 0)

    def unhurt(self) -> tuple[Left, Calls]:
        """What a run leaves that nothing kills, and its calls."""
        code = self.start("unhurt", last=0)
        assert code == 0, self.log()
        run, saves = json.loads((self.folder / "calls.json").read_text())
        assert len(saves) == SAVES, saves
        return Left.of(self.folder / "unhurt"), Calls(run, tuple(saves))

    def hurt(self, run: str, instants: list[Instant], calls: Calls) -> tuple[Left, list[Instant]]:
        """What a run leaves that is killed at each instant in turn and taken up again until it ends, and its kills.

        What is left to do after the first may be done before the second comes.
        """
        kills: list[Instant] = []
        for instant in instants:
            if (code := self.go_on(run, bool(kills), save=instant.save, last=calls.at(instant))) != -signal.SIGKILL:
                break
            kills.append(instant)
        else:
            code = self.go_on(run, True)
        assert kills, f"{instants[0]}: was not killed, but ended with {code}\n{self.log()}"
        assert code == 0, f"killed at {kills[-1]}: went on and ended with {code}\n{self.log()}"
        return Left.of(self.folder / run), kills

    def go_on(self, run: str, begun: bool, **until: int) -> int:
        """What a person does: `--resume`, or the command as it was where nothing had been begun."""
        code = self.start(run, *(["--resume"] if begun else []), **until)
        return self.start(run, **until) if begun and code == 2 else code

    def log(self) -> str:
        """The last lines of what was said."""
        return "\n".join((self.folder / "log").read_text().splitlines()[-20:])


def instants(seed: int) -> Iterator[list[Instant]]:
    """When runs are killed: every third in a checkpoint, every other one twice."""
    rng = random.Random(seed)
    number = 0
    while True:
        inside = number % 3 == 2
        first = Instant(rng.random(), rng.randint(1, SAVES) if inside else 0)
        yield [first, *([Instant(rng.random())] if number % 2 else [])]
        number += 1


def trials(place: Place, count: int, seed: int, say: Callable[[str], None] = print) -> list[str]:
    """Kills that many runs; says of each when, and returns what was not as it is without."""
    expected, calls = place.unhurt()
    say(f"a run makes {calls.run} calls; its checkpoints {', '.join(str(n) for n in calls.saves)}, with those in C")
    wrong = []
    for number, planned in enumerate(islice(instants(seed), count)):
        left, kills = place.hurt(f"run-{number}", planned, calls)
        unlike = left.unlike(expected)
        when = ", then at ".join(str(kill) for kill in kills)
        say(f"{number + 1:>3}  killed at {when}: " + (f"differs in {', '.join(unlike)}" if unlike else "the same bits"))
        if unlike:
            wrong.append(f"run-{number}, killed at {when}: differs in {', '.join(unlike)}")
    return wrong


def main() -> int:
    """Kills as many runs as are asked for; 0 where all end as they would have."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--instants", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = trials(Place(Path(folder)), asked.instants, asked.seed, lambda line: print(line, flush=True))
    print(f"{asked.instants - len(wrong)} of {asked.instants} killed runs ended as if nothing had been")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
