"""The last lines of a run: a table of before and after, the gate's verdict, the report, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dressage.cli.console import print_table
from dressage.run.report.numbers import ABSENT, as_float, difference, interval, quantity

COLOURS = {"better": "green", "worse": "red", "": ""}


def print_summary(report: Mapping[str, Any], out: Console) -> None:
    """Prints the table and the gate's verdict, as far as the report has them."""
    rows = list(metrics(report))
    if rows:
        print_table(_table(rows, _marks(report), plain=not out.is_terminal), out)
    else:
        out.print("nothing was measured; name measures under `evaluate:`")
    for line, style in gate_lines(report):
        out.print(Text(line, style), soft_wrap=True)


def print_next(report_html: Path | None, command: str, out: Console) -> None:
    """Prints where the report lies and the next command."""
    if report_html is not None:
        out.print(Text(f"report: {report_html}"), soft_wrap=True)
    out.print(Text(f"next:   {command}"), soft_wrap=True)


def metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Measure, set, metric and what is known of it, in the report's order."""
    for measure, sets in (report.get("evaluators") or {}).items():
        for name, found in sets.items():
            for metric, numbers in found.items():
                yield measure, name, metric, numbers


def verdict(numbers: Mapping[str, Any]) -> str:
    """`better` or `worse` where the interval of the change excludes 0 and the metric has a better side, else empty."""
    change = numbers.get("change") or {}
    low, high = as_float(change.get("low")), as_float(change.get("high"))
    wanted = numbers.get("better")
    if low is None or high is None or low <= 0 <= high or wanted not in ("higher", "lower"):
        return ""
    return "better" if (low > 0) == (wanted == "higher") else "worse"


def gate_lines(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The gate's verdict and its conditions, each with its style; nothing where the run has no gate."""
    gate = report.get("gate") or {}
    whole = gate.get("verdict", "none")
    if whole == "none":
        return
    rates = {f"{m}.{s}.{k}": bool(numbers.get("rate")) for m, s, k, numbers in metrics(report)}
    yield f"gate: {whole}", {"met": "bold green", "not met": "bold red"}.get(whole, "bold yellow")
    for condition in gate.get("conditions", ()):
        rate = rates.get(condition["metric"], False)
        bound = {side: value for side, value in condition["bound"].items() if value is not None}
        sides = (f"{side} {quantity(value, rate=rate)}" for side, value in bound.items())
        why = f" ({condition['why']})" if condition.get("why") else ""
        found = _with_interval(condition, rate=rate)
        yield f"  {condition['metric']}: {found}, {', '.join(sides)}: {condition['verdict']}{why}", ""


def _table(rows: list[tuple[str, str, str, Mapping[str, Any]]], marks: Mapping[str, str], *, plain: bool) -> Table:
    changed = any(numbers.get("change") for *_, numbers in rows)
    table = Table(box=None if plain else SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    for title in ("before", "after", "change") if changed else ("value",):
        table.add_column(title, justify="right")
    if changed:
        table.add_column("")
    for measure, name, metric, numbers in rows:
        rate, word = bool(numbers.get("rate")), verdict(numbers)
        label = Text(f"{measure}.{name}.{metric}")
        if marks.get(measure):
            label.append(f" ({marks[measure]})", "dim")
        before, after, change = (numbers.get(key) or {} for key in ("before", "after", "change"))
        if not changed:
            table.add_row(label, _with_interval(after or before, rate=rate))
            continue
        moved = Text(_change(change, rate=rate), COLOURS[word])
        table.add_row(
            label, _with_interval(before, rate=rate), _with_interval(after, rate=rate), moved, Text(word, COLOURS[word])
        )
    return table


def _with_interval(numbers: Mapping[str, Any], *, rate: bool) -> str:
    value = numbers.get("value")
    ends = interval(numbers.get("low"), numbers.get("high"), rate=rate, like=value)
    return f"{quantity(value, rate=rate)} [{ends}]" if ends else quantity(value, rate=rate)


def _change(change: Mapping[str, Any], *, rate: bool) -> str:
    value = change.get("value")
    if as_float(value) is None:
        return ABSENT
    ends = interval(change.get("low"), change.get("high"), rate=rate, like=value, signed=True)
    return f"{difference(value, rate=rate)} [{ends}]" if ends else difference(value, rate=rate)


def _marks(report: Mapping[str, Any]) -> Mapping[str, str]:
    return {measure["name"]: measure.get("mark", "") for measure in report.get("measures") or ()}
