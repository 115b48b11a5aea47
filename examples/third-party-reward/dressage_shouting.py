"""A reward in a package of its own: the share of capital letters, which is to go down."""

import dressage


class Shouting(dressage.Reward[dressage.NoOptions]):
    """The share of capital letters in a response, in [0, 1]."""

    goal = "min"

    def score(self, batch):
        return [sum(map(str.isupper, text)) / max(len(text), 1) for text in batch.responses]


@dressage.hookimpl
def register_rewards(register):
    register("shouting", Shouting)
