"""The line of the budget among a run's first ones."""

from __future__ import annotations

from dressage.run.budget.estimate import budget_of, prepare, refuse
from dressage.run.budget.table import shown
from dressage.spec.cache import cache_folder
from dressage.spec.console import Console
from dressage.spec.errors import DressageError
from dressage.spec.plan import Plan


def fits(plan: Plan, console: Console, *, refusing: bool = True) -> None:
    """Says what memory the run needs; raises `MachineError` where that is more than there is, unless `refusing` is off.

    What is wrong with model or data is left to the run, which meets it at its own place. No fault of the estimate ends
    a run.
    """
    try:
        work, _ = prepare(plan, cache=cache_folder(), convert=True)
        budget = budget_of(work)
    except DressageError:
        return
    except Exception as error:
        console.warn(f"the memory that the run needs is not known ({type(error).__name__}: {error})")
        return
    room = shown(budget.machine.device_room)
    told = f"about {shown(budget.peak)} at most ({budget.largest.name}); {budget.machine.device} has {room}"
    console.line(f"memory   {told}" + ("" if refusing or not budget.over else "; --no-budget-check: it is tried"))
    if refusing:
        refuse(work)
