"""Runs that are killed with SIGKILL at random instants; `make crash` kills thirty."""

from tests.crash import Place, trials


def test_runs_killed_at_random_instants_end_as_if_they_had_not_been(tmp_path):
    assert trials(Place(tmp_path), 3, seed=0) == []
