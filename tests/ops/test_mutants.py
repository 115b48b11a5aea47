"""The faults of `make mutants` can be made: each line is there once, and what replaces it is Python."""

import ast

import pytest

from tests.mutants import FAULTS, ROOT, TESTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_can_be_made(fault):
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(fault.applied(text))) != ast.dump(ast.parse(text))


def test_there_are_faults_in_every_file_and_no_two_are_alike():
    assert {fault.file for fault in FAULTS} == set(TESTS)
    assert len({fault.name for fault in FAULTS}) == len({(f.file, f.right, f.wrong) for f in FAULTS}) == len(FAULTS)


def test_a_fault_whose_line_has_changed_is_refused():
    with pytest.raises(ValueError, match="found 0 times"):
        FAULTS[0].applied("")
