"""Function: any Python callable as a reward, and clear words where it cannot be found."""

import sys

import pytest
from dressage import Batch, Context, Message, Prompt, Span, UsageError
from dressage_rules.function import Function
from dressage_rules.options import PythonOptions
from pydantic import ValidationError


@pytest.fixture
def folder(tmp_path):
    before, known = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - known:
        del sys.modules[name]


def make(folder, function, **options):
    return Function(PythonOptions(function=function, **options), Context(folder=folder))


def batch(*responses):
    prompt = Prompt((Message("user", "first"), Message("assistant", "ok"), Message("user", "abc")))
    return Batch(tuple(prompt for _ in responses), responses)


def test_a_module_beside_the_yaml_is_called_per_response(folder):
    (folder / "mine_a.py").write_text("def score(prompt, response):\n    return len(response) - len(prompt)\n")
    assert make(folder, "mine_a:score").score(batch("abcd", "")) == [1.0, -3.0]


def test_a_file_is_called_by_its_path(folder):
    (folder / "rules").mkdir()
    (folder / "rules" / "loud.py").write_text("def score(prompt, response):\n    return response.isupper()\n")
    answers = make(folder, "rules/loud.py:score").score(batch("HI", "hi"))
    assert answers == [1.0, 0.0]
    assert all(type(answer) is float for answer in answers)


def test_an_installed_function_is_found(folder):
    assert make(folder, "operator:eq").score(batch("abc", "b")) == [1.0, 0.0]


def test_an_attribute_of_a_class_is_found(folder):
    (folder / "mine_b.py").write_text("class A:\n    def score(prompt, response):\n        return 2\n")
    assert make(folder, "mine_b:A.score").score(batch("x")) == [2.0]


def test_a_whole_batch_is_passed_when_asked(folder):
    (folder / "mine_c.py").write_text("def score(batch, k):\n    return [k * len(r) for r in batch.responses]\n")
    assert make(folder, "mine_c:score", per="batch", arguments={"k": 3}).score(batch("a", "bb")) == [3.0, 6.0]


def test_none_and_spans_pass_through(folder):
    (folder / "mine_d.py").write_text(
        "from dressage import Span\ndef score(prompt, response):\n    return [Span(0, 1, 2.0)] if response else None\n"
    )
    assert make(folder, "mine_d:score").score(batch("x", "")) == [[Span(0, 1, 2.0)], None]


def test_a_neighbour_can_be_imported(folder):
    (folder / "mine_e.py").write_text("import mine_f\nscore = mine_f.score\n")
    (folder / "mine_f.py").write_text("def score(prompt, response):\n    import mine_g\n    return mine_g.VALUE\n")
    (folder / "mine_g.py").write_text("VALUE = 7\n")
    assert make(folder, "mine_e:score").score(batch("x")) == [7.0]


def test_the_folder_does_not_stay_in_front(folder):
    make(folder, "operator:eq")
    assert sys.path[0] != str(folder)


def test_a_missing_module_says_where_it_looked(folder):
    with pytest.raises(UsageError, match="no module 'absent_module'; it is neither installed nor in"):
        make(folder, "absent_module:score")


def test_a_module_that_misses_another_says_which(folder):
    (folder / "mine_h.py").write_text("import absent_module\n")
    with pytest.raises(UsageError, match="module 'mine_h' imports 'absent_module', which is not installed"):
        make(folder, "mine_h:score")


def test_a_module_that_fails_says_how(folder):
    (folder / "mine_i.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match="module 'mine_i' fails on import: ZeroDivisionError"):
        make(folder, "mine_i:score")


def test_a_file_that_fails_says_how(folder):
    (folder / "broken.py").write_text("def (\n")
    with pytest.raises(UsageError, match=r"broken\.py fails on import: SyntaxError"):
        make(folder, "broken.py:score")


@pytest.mark.parametrize("function", ["leaves.py:score", "leaves:score"])
def test_code_that_exits_on_import_says_so(folder, function):
    (folder / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(UsageError, match="fails on import: SystemExit: 0"):
        make(folder, function)


def test_a_missing_file_is_named(folder):
    with pytest.raises(UsageError, match=r"no file .*absent\.py"):
        make(folder, "absent.py:score")


def test_a_missing_function_is_named(folder):
    with pytest.raises(UsageError, match="operator has no 'absent'"):
        make(folder, "operator:absent")


def test_something_that_is_no_function_is_named(folder):
    with pytest.raises(UsageError, match="'pi' is float, not a function"):
        make(folder, "math:pi")


def test_a_wrong_answer_names_the_function(folder):
    (folder / "mine_j.py").write_text("def score(prompt, response):\n    return '3'\n")
    with pytest.raises(TypeError, match="mine_j:score must return numbers"):
        make(folder, "mine_j:score").score(batch("x"))


@pytest.mark.parametrize("reference", ["module", "module:", ":score"])
def test_a_reference_of_another_shape_is_refused(reference):
    with pytest.raises(ValidationError, match=r"not of the form module:function"):
        PythonOptions(function=reference)
