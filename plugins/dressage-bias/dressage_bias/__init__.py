"""Bias as a reward: a classifier, and the counterfactual gap between groups."""
