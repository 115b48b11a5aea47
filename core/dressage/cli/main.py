"""Runs the command line and turns every error into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence

import typer

from dressage.cli.app import app
from dressage.spec.errors import ConfigError, DressageError

# typer carries its own copy of click in newer versions, so the base of its errors is found, not imported
_CLICK_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

INTERRUPTED = 130
REFUSED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
"""Errors of the operating system that mean that the machine refuses."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `dressage` with `argv` (by default the process's own) and gives the exit code."""
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:  # libraries warn their own users, not ours
                warnings.simplefilter("ignore")
            command = typer.main.get_command(app)
            code = command.main(args=None if argv is None else list(argv), prog_name="dressage", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader went away (`dressage plugins | head`); the interpreter must not try to flush again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("DRESSAGE_TRACEBACK", "") not in ("", "0"):
            traceback.print_exc()
        for line in explain(error):
            print(f"error: {line}", file=sys.stderr)
        return exit_code(error)
    return code if isinstance(code, int) else 0


def explain(error: Exception) -> Iterator[str]:
    """What to tell a person: one line, or one for each problem of a configuration."""
    if isinstance(error, ConfigError):
        yield from (_one_line(str(problem)) for problem in error.problems)
    elif isinstance(error, DressageError):
        yield _one_line(str(error))
    elif isinstance(error, _CLICK_ERROR):
        yield _usage(error)
    elif isinstance(error, OSError) and error.errno in REFUSED:
        where = f"{error.filename}: " if error.filename else ""
        yield f"{where}{(error.strerror or str(error)).lower()}"
    elif _out_of_memory(error):
        yield f"out of memory ({_one_line(str(error)) or 'no detail'}); lower update.microbatch or rollout.prompts"
    else:
        text = _one_line(str(error))
        what = f"{type(error).__name__}: {text}" if text else type(error).__name__
        yield f"{what}; set DRESSAGE_TRACEBACK=1 to see where"


def exit_code(error: Exception) -> int:
    """The exit code of an error: its own, 2 for usage, 4 where the machine refuses, else 1."""
    if isinstance(error, DressageError):
        return error.exit_code
    if isinstance(error, _CLICK_ERROR):
        return 2
    if _out_of_memory(error) or (isinstance(error, OSError) and error.errno in REFUSED):
        return 4
    return 1


def _usage(error: Exception) -> str:
    """A complaint about the arguments, in our manner, with the way to the help."""
    text = _one_line(error.format_message()).rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dressage"
    return f"{text[:1].lower()}{text[1:]}; see {path} --help"


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _one_line(text: str) -> str:
    return " ".join(text.split())
