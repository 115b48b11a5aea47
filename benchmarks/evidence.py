"""Runs the examples over several seeds on whole held-out sets and other people's prompts, and writes the tables.

    python -m benchmarks.evidence                        all runs that are not there yet, then the tables
    python -m benchmarks.evidence --only detox --seeds 0 1
    python -m benchmarks.evidence --collect              the tables alone, of the runs that are there

A run that has ended is not run again, one that was interrupted goes on from its checkpoint: `runs/evidence/NAME-SEED`.
Results go to `benchmarks/results/evidence.json` and between the evidence markers of the README.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import area, example, machine, people
from benchmarks.collection import collect, read
from benchmarks.markers import put
from benchmarks.tables import render

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "runs" / "evidence"
STARTER = ROOT / "plugins" / "dressage-starter" / "dressage_starter" / "data"
RESULTS = ROOT / "benchmarks" / "results" / "evidence.json"
README = ROOT / "README.md"
NAMES = ("quickstart", "detox")
SEEDS = (0, 1, 2)


def run(name: str, seed: int, folder: Path) -> None:
    """One run to its end, and the area under the curve of its model."""
    from dressage import DressageError
    from dressage.api import Run
    from dressage.cli.console import TerminalConsole

    path = ROOT / "examples" / f"{name}.yaml"
    if read(folder) is None:
        going_on = any((folder / "checkpoints").glob("[0-9]*"))
        if folder.exists() and not going_on:
            shutil.rmtree(folder)  # it ended before its first checkpoint
        with tempfile.TemporaryDirectory() as scratch:
            values = example.for_evidence(example.read(path), seed, evaluation_files(Path(scratch)))
            try:
                Run.from_dict(values, folder=path.parent, console=TerminalConsole()).run(folder, resume=going_on)
            except DressageError as error:
                raise SystemExit(f"error: {error}") from None
    found = area.measure(folder)
    (folder / "area.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def evaluation_files(scratch: Path) -> dict[str, Path]:
    """The sets that are not the example's own: other people's prompts, and the provocations with their copies."""
    text = (STARTER / "heldout-provocations.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.split("\n") if line]
    provocations = people.write_rows(scratch / "provocations.jsonl", example.copies(rows))
    return people.write(scratch) | {"provocations": provocations}


def fingerprint(name: str) -> str:
    """What the runs of an example depend on: its YAML as it is run, the parts it reads, and the sets that are there."""
    with tempfile.TemporaryDirectory() as scratch:
        files = evaluation_files(Path(scratch))
        texts = {one: path.read_text(encoding="utf-8") for one, path in files.items()}
    values = example.for_evidence(
        example.read(ROOT / "examples" / f"{name}.yaml"), 0, {one: Path("/") for one in files}
    )
    texts |= {part: (STARTER / f"{part}.jsonl").read_text(encoding="utf-8") for part in sorted(example.parts(values))}
    return hashlib.sha256(json.dumps([values, texts], sort_keys=True).encode()).hexdigest()


def run_missing(names: Sequence[str], seeds: Sequence[int], runs: Path = RUNS) -> None:
    """All runs that are not there, one after the other, each in a process of its own."""
    for seed in seeds:
        for name in names:
            folder, mark = runs / f"{name}-{seed}", runs / f"{name}-{seed}.sha256"
            wanted = fingerprint(name)
            if folder.exists() and mark.is_file() and mark.read_text(encoding="utf-8").strip() != wanted:
                raise SystemExit(
                    f"{folder}: made with another examples/{name}.yaml or other data; move it away to run again"
                )
            if read(folder) is not None and (folder / "area.json").is_file():
                print(f"{folder}: is there", file=sys.stderr)
                continue
            runs.mkdir(parents=True, exist_ok=True)
            mark.write_text(wanted + "\n", encoding="utf-8")
            process = multiprocessing.get_context("spawn").Process(target=run, args=(name, seed, folder))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(
                    f"{folder}: ended with exit code {process.exitcode}; the same command goes on from there"
                )


def gather(names: Sequence[str], seeds: Sequence[int], runs: Path = RUNS) -> dict[str, Any]:
    """The evidence of the finished runs; raises `SystemExit` where there is none."""
    found: dict[str, Any] = {}
    for name in names:
        reports = {seed: read(runs / f"{name}-{seed}") for seed in seeds}
        finished = {seed: report for seed, report in reports.items() if report is not None}
        if finished:
            found[name] = collect(finished)
    if not found:
        raise SystemExit(f"{runs}: no finished run in it")
    return found


def write(found: Mapping[str, Any], about: Mapping[str, Any], results: Path = RESULTS, readme: Path = README) -> None:
    """Puts the collected runs into the results, beside those of other examples, and the tables into the README."""
    before = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {"runs": {}}
    evidence = {"machine": about, "runs": before["runs"] | found}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    if not put(readme, "evidence", render(evidence)):
        print(f"{readme} has no evidence markers; these are the tables:\n\n{render(evidence)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--only", choices=NAMES, help="one example alone")
    parser.add_argument("--collect", action="store_true", help="run nothing; make the tables of what is there")
    wanted = parser.parse_args(arguments)
    names = (wanted.only,) if wanted.only else NAMES
    if not people.DATA.is_dir():
        print(f"{people.DATA} is not there: other people's prompts are left out", file=sys.stderr)
    if not wanted.collect:
        run_missing(names, wanted.seeds)
    write(gather(names, wanted.seeds), {"cpu": machine.processor()})


if __name__ == "__main__":
    main()
