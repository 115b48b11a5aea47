"""Runs a contract against a component without pytest's collection, and says which of its tests fail."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def failures() -> Callable[..., dict[str, str]]:
    """A function that gives the message of each test of a contract that fails on a component, by test name."""

    def run(contract: type, component: type, **attributes: Any) -> dict[str, str]:
        subject: Any = type("Subject", (contract,), {"component": component, **attributes})
        failed = {}
        for name in dir(subject):
            if name.startswith("test_"):
                try:
                    getattr(subject(), name)()
                except Exception as error:
                    failed[name] = f"{type(error).__name__}: {error}"
        return failed

    return run
