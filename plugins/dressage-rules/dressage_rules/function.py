"""A reward that is somebody's Python function."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from dressage import Batch, Context, Reward, Score, Span, UsageError

from dressage_rules.options import Goal, PythonOptions


class Function(Reward[PythonOptions]):
    """Any Python function of prompt and response.

    Per response it gets (prompt, response) as two strings, the prompt being the last user turn or the text to
    continue; per batch it gets the `dressage.Batch`. It returns numbers, `None` for no opinion, or `Span` values.
    """

    goal: Goal = "max"

    def __init__(self, options: PythonOptions, ctx: Context) -> None:
        super().__init__(options, ctx)
        self.goal = options.goal
        self.function = load(options.function, ctx.folder)

    def score(self, batch: Batch) -> Sequence[Score]:
        """What the function says of each response."""
        arguments = self.options.arguments
        if self.options.per == "batch":
            answers = self.function(batch, **arguments)
        else:
            pairs = zip(batch.prompts, batch.responses, strict=True)
            answers = [self.function(prompt.last, response, **arguments) for prompt, response in pairs]
        try:
            return [self._score(answer) for answer in answers]
        except TypeError as error:
            raise TypeError(f"{self.options.function} must return numbers, None or spans: {error}") from None

    def _score(self, answer: Any) -> Score:
        if answer is None:
            return None
        if isinstance(answer, (list, tuple)) and all(isinstance(span, Span) for span in answer):
            return answer
        if isinstance(answer, (str, bytes)):
            raise TypeError(f"got {answer!r}")
        return float(answer)


def load(reference: str, folder: Path) -> Callable[..., Any]:
    """The callable that `module:function` or `file.py:function` names.

    Raises `UsageError` that says which half of the reference is wrong.
    """
    source, _, name = reference.rpartition(":")
    with _searched_first(folder):
        module = _from_file(source, folder) if source.endswith(".py") else _from_name(source, folder)
    try:
        function = attrgetter(name)(module)
    except AttributeError:
        raise UsageError(f"function {reference!r}: {source} has no {name!r}") from None
    if not callable(function):
        raise UsageError(f"function {reference!r}: {name!r} is {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]


@contextmanager
def _searched_first(folder: Path) -> Iterator[None]:
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        # A module may import its neighbours later, inside a function; by then they must not hide installed ones.
        if place not in sys.path:
            sys.path.append(place)


def _from_name(name: str, folder: Path) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            hint = f"neither installed nor in {folder.resolve()}"
            raise UsageError(f"function: no module {error.name!r}; it is {hint}") from None
        raise UsageError(f"function: module {name!r} imports {error.name!r}, which is not installed") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"function: module {name!r} fails on import: {_say(error)}") from error


def _from_file(source: str, folder: Path) -> ModuleType:
    path = (folder / Path(source).expanduser()).resolve()
    if not path.is_file():
        raise UsageError(f"function: no file {path}; the path starts at the YAML's folder")
    name = f"dressage_function_{path.stem}_{sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a module up by its name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"function: {path} fails on import: {_say(error)}") from error
    return module


def _say(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
