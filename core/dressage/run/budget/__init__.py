"""The memory that a run needs, by role and phase, known before anything of it is loaded."""

from dressage.run.budget.estimate import budget_of, estimate, prepare, refuse
from dressage.run.budget.table import Budget, Machine, Part, Phase, shown

__all__ = ["Budget", "Machine", "Part", "Phase", "budget_of", "estimate", "prepare", "refuse", "shown"]
