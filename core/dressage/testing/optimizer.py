"""What every optimizer must do: the online or the offline contract, by what the component is."""

from __future__ import annotations

from typing import Any

from dressage.testing.contract import Contract
from dressage.testing.offline import OfflineContract
from dressage.testing.online import OnlineContract


class OptimizerContract(Contract):
    """The contract of an online or offline optimizer: the tests are those of its component's kind."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "component"):
            return
        kind: type[Contract] = OnlineContract if cls.component.online else OfflineContract  # type: ignore[attr-defined]
        cls.__bases__ = tuple(kind if base is OptimizerContract else base for base in cls.__bases__)
