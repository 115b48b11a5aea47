"""What a person sees of a run: lines, warnings and progress on stderr; bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from threading import RLock, Timer
from typing import TypeVar

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from dressage.run.report.numbers import duration

T = TypeVar("T")

BAR_AFTER = 2.0
"""Seconds that a loop may take without a bar."""
LINE_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


class TerminalConsole:
    """Implements `dressage.spec.console.Console` with rich."""

    def __init__(
        self,
        output: RichConsole | None = None,
        *,
        bar_after: float = BAR_AFTER,
        line_every: float = LINE_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output or stderr()
        self._bar_after = bar_after
        self._line_every = line_every
        self._clock = clock
        self._lock = RLock()
        self._bars: Progress | None = None
        self._shown = 0

    def line(self, text: str = "") -> None:
        """A line of the log."""
        self._output.print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something the user should know."""
        self._output.print(Text.assemble(("warning:", "bold yellow"), " ", text), soft_wrap=True)

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yields the items, and shows how far the loop is where it takes longer than a moment."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        if self._output.is_terminal and not self._output.is_dumb_terminal:
            return self._with_bar(items, label, total)
        return self._with_lines(items, label, total)

    def _with_lines(self, items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
        start = last = self._clock()
        for done, item in enumerate(items, start=1):
            yield item
            now = self._clock()
            if now - last >= self._line_every:
                last = now
                count = f"{done}/{total}" if total else str(done)
                self.line(f"{label}: {count}, {pace(done, total, now - start)}")

    def _with_bar(self, items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
        start, done = self._clock(), 0
        bar: TaskID | None = None

        def show() -> None:
            nonlocal bar
            with self._lock:
                if not closed:
                    bar = self._open_bar(label, total, done, pace(done, total, self._clock() - start))

        closed = False
        timer = Timer(self._bar_after, show)  # a bar must also come up inside a first step that takes minutes
        timer.daemon = True
        timer.start()
        try:
            for item in items:
                yield item
                done += 1
                with self._lock:
                    if bar is not None and self._bars is not None:
                        self._bars.update(bar, completed=done, pace=pace(done, total, self._clock() - start))
        finally:
            timer.cancel()
            with self._lock:
                closed = True
                if bar is not None:
                    self._close_bar(bar)

    def _open_bar(self, label: str, total: int | None, done: int, speed: str) -> TaskID:
        if self._bars is None:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[pace]}", markup=False),
                console=self._output,
                transient=True,
                refresh_per_second=4,
            )
            self._bars.start()
        self._shown += 1
        return self._bars.add_task(label, total=total, completed=done, pace=speed)

    def _close_bar(self, bar: TaskID) -> None:
        if self._bars is None:
            return
        self._bars.remove_task(bar)
        self._shown -= 1
        if self._shown == 0:
            self._bars.stop()
            self._bars = None


def pace(done: int, total: int | None, seconds: float) -> str:
    """`3.1/s, 9 s left`, or `2.5 s each` where a step takes longer than a second; empty before the first step."""
    if done == 0 or seconds <= 0:
        return ""
    rate = done / seconds
    speed = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{speed}, {duration((total - done) / rate)} left" if total and total >= done else speed


def print_table(table: Table, out: RichConsole) -> None:
    """Prints a table; without a terminal its lines end where their text does."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        out.print(Text(line.rstrip()), soft_wrap=True)


def stderr() -> RichConsole:
    """Where progress and logs go."""
    return RichConsole(stderr=True, highlight=False)


def stdout() -> RichConsole:
    """Where results go; without a terminal a line is as long as it is."""
    console = RichConsole(highlight=False)
    return console if console.is_terminal else RichConsole(highlight=False, width=1000)
