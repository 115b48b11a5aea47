"""What `with:` takes for `use: ppo`."""

from __future__ import annotations

from typing import Annotated, Literal

from dressage import Options
from pydantic import Field

Clip = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class PPOOptions(Options):
    """The numbers that PPO alone knows; rates, epochs, whitening and the KL penalty are keys of the stage."""

    clip: Clip = 0.2
    """The policy ratio gains nothing beyond 1 - clip and 1 + clip."""
    value_clip: Annotated[float, Field(gt=0)] | None = 0.2
    """A value gains nothing by moving further than this from its old value; null for no clip."""
    value_coefficient: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    """The weight of the value loss (itself half a squared error) beside the policy loss; unused by a group baseline."""
    gamma: Share = 1.0
    """Discount a token; a reply is short, and its last token matters as much as its first."""
    lam: Share = 0.95
    """GAE's lambda: 1 trusts returns alone (high variance), 0 the value head alone (bias)."""
    baseline: Literal["value", "group"] = "value"
    """`value`: a value head and GAE. `group`: the mean return of the same prompt's other replies (`samples` > 1)."""
