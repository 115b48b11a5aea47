"""Ctrl-C: the first one asks the run to stop, the second one stops it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from dressage.spec.console import Console

NOTICE = "finishing this iteration, then saving; press Ctrl-C again to stop at once"


class StopOnInterrupt:
    """Whether the user pressed Ctrl-C; in force inside its `with` block, and there the engine asks it.

    A second Ctrl-C raises `KeyboardInterrupt`; a third ends the process, whatever it is doing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._presses = 0
        self._before: Any = None

    def __call__(self) -> bool:
        """True from the first Ctrl-C on."""
        return self._presses > 0

    def __enter__(self) -> StopOnInterrupt:
        if threading.current_thread() is threading.main_thread():  # Python takes signal handlers from no other thread
            self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        self._presses += 1
        if self._presses == 1:
            self._console.line(NOTICE)
        elif self._presses == 2:
            raise KeyboardInterrupt
        else:
            os._exit(130)
