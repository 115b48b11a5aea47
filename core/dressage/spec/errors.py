"""Every error a user can meet, one class a situation, each with its exit code.

An error's text is for the person at the terminal: what went wrong, where, and what to do about it, in lower case and
on one line. The command line prints it without a traceback and exits with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file (1-based), a flag or an environment variable."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration, printed as `file:line:col: path: message`."""

    where: Where
    path: str
    message: str
    missing: bool = False
    """True where a plugin is only not installed (or broken): alone, such problems exit with 3 instead of 2."""

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.where), self.path, self.message) if part)


class DressageError(Exception):
    """The root of all errors that Dressage raises on purpose."""

    exit_code = 1


# --- configuration, data and flags: exit code 2 (3 where only plugins are missing) ---------------------------------


class ConfigError(DressageError):
    """A YAML file is wrong; carries all its problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """2, or 3 where the only problems are plugins that are missing or broken."""
        return 3 if self.problems and all(problem.missing for problem in self.problems) else 2


class UsageError(DressageError):
    """A flag, an argument or an environment variable is wrong."""

    exit_code = 2


class DataError(DressageError):
    """A data file is missing, empty, unreadable, or has a row that cannot be used."""

    exit_code = 2


class ModelError(DressageError):
    """A model or tokenizer cannot be found or loaded."""

    exit_code = 2


# --- plugins: exit code 3 -------------------------------------------------------------------------------------------


class PluginError(DressageError):
    """A plugin that the run names is not installed, blocked or broken."""

    exit_code = 3


# --- the run: exit code 1 -------------------------------------------------------------------------------------------


class ComponentError(DressageError):
    """A component failed while the run was going; names component, distribution, version and YAML place."""


class TrainingError(DressageError):
    """Training cannot go on: a non-finite loss, a failed start-up probe, no reward for most rows."""


class CheckpointError(DressageError):
    """A checkpoint is truncated, altered or of another run."""


# --- the machine and the gate ---------------------------------------------------------------------------------------


class MachineError(DressageError):
    """The machine refuses: memory, disk, permissions, or a device that is not there."""

    exit_code = 4


class GateError(DressageError):
    """The safety gate was not met or is inconclusive."""

    exit_code = 5


class Interrupted(DressageError):
    """The user pressed Ctrl-C; a checkpoint was saved."""

    exit_code = 130
