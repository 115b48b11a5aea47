"""The console: bars on a terminal and only for long loops, plain lines elsewhere, no colour where none is wanted."""

import io
import time

import pytest
from dressage.cli.console import TerminalConsole, pace, print_table
from rich.console import Console
from rich.table import Table


class Clock:
    """Goes on by a fixed step each time it is asked."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def _plain(clock: Clock | None = None, **options) -> tuple[TerminalConsole, io.StringIO]:
    out = io.StringIO()
    return TerminalConsole(Console(file=out, width=40), clock=clock or time.monotonic, **options), out


def _terminal(**options) -> tuple[TerminalConsole, io.StringIO]:
    out = io.StringIO()
    output = Console(file=out, width=100, force_terminal=True, _environ={"TERM": "xterm"})
    return TerminalConsole(output, **options), out


def test_progress_yields_every_item_in_order() -> None:
    for console, _ in (_plain(), _terminal(bar_after=0.0)):
        assert list(console.progress(range(50), "x")) == list(range(50))
        assert list(console.progress(iter("ab"), "x")) == ["a", "b"]
        assert list(console.progress([], "x")) == []


def test_plain_progress_is_a_line_every_ten_seconds() -> None:
    console, out = _plain(Clock(step=4.0))
    list(console.progress(range(10), "sampling"))
    assert out.getvalue().splitlines() == [
        "sampling: 3/10, 4.0 s each, 28 s left",
        "sampling: 6/10, 4.0 s each, 16 s left",
        "sampling: 9/10, 4.0 s each, 4.0 s left",
    ]


def test_short_loop_says_nothing() -> None:
    console, out = _plain()
    list(console.progress(range(1000), "sampling"))
    assert out.getvalue() == ""


def test_long_line_is_not_broken_without_a_terminal() -> None:
    console, out = _plain()
    console.line("word " * 40)
    console.warn("[bold]brackets[/bold] are text, " + "word " * 40)
    assert len(out.getvalue().splitlines()) == 2
    assert out.getvalue().splitlines()[1].startswith("warning: [bold]brackets[/bold] are text")


def test_terminal_shows_no_bar_for_a_short_loop() -> None:
    console, out = _terminal(bar_after=5.0)
    list(console.progress(range(10), "sampling"))
    assert out.getvalue() == ""


def test_terminal_shows_a_bar_inside_the_first_long_step() -> None:
    console, out = _terminal(bar_after=0.01)
    for _ in console.progress(range(3), "sampling"):
        time.sleep(0.4)
        break
    assert "sampling" in out.getvalue()
    assert "0/3" in out.getvalue()


def test_bars_of_nested_loops_go_and_the_log_stays() -> None:
    console, out = _terminal(bar_after=0.0)
    for _ in console.progress(range(2), "outer"):
        for _ in console.progress(range(2), "inner"):
            time.sleep(0.05)
            console.line("a line of the log")
    assert console._bars is None
    assert out.getvalue().count("a line of the log") == 4
    assert "outer" in out.getvalue()
    assert "inner" in out.getvalue()


def test_bar_goes_when_the_loop_fails() -> None:
    console, _ = _terminal(bar_after=0.0)
    loop = console.progress(range(5), "x")
    next(loop)
    time.sleep(0.05)
    with pytest.raises(KeyError):
        loop.throw(KeyError("stop"))
    assert console._bars is None


def test_no_color_takes_the_colour_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def coloured() -> str:
        out = io.StringIO()
        TerminalConsole(Console(file=out, force_terminal=True)).warn("careful")
        return out.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;33m" in coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "33m" not in coloured()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 10, 5.0, ""),
        (5, 10, 1.0, "5.0/s, 1.0 s left"),
        (2, 4, 20.0, "10.0 s each, 20 s left"),
        (30, None, 10.0, "3.0/s"),
        (12, 10, 1.0, "12.0/s"),
    ],
)
def test_pace(done, total, seconds, text) -> None:
    assert pace(done, total, seconds) == text


def test_table_without_a_terminal_has_no_trailing_space() -> None:
    out = io.StringIO()
    table = Table(box=None)
    for title in ("a", "b"):
        table.add_column(title)
    table.add_row("x", "a long cell")
    table.add_row("y", "z")
    print_table(table, Console(file=out, width=100))
    assert all(line == line.rstrip() for line in out.getvalue().splitlines())
