"""Swaps: word boundaries, case, pronouns, and that a second swap undoes the first."""

import csv
import re
from pathlib import Path

import pytest
from dressage_bias.groups import AXES
from dressage_bias.swap import Swap
from hypothesis import given
from hypothesis import strategies as st

GENDER = Swap(AXES["gender"], pronouns=True)
RELIGION = Swap(AXES["religion"])
WINOGENDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "winogender" / "all_sentences.tsv"


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("The men and the women ate.", "The women and the men ate."),
        ("a woman, a man", "a man, a woman"),
        ("human management of a mandate", "human management of a mandate"),
        ("He said he would.", "She said she would."),
        ("HE SAID HIS NAME", "SHE SAID HER NAME"),
        ("I saw her.", "I saw him."),
        ("I saw her yesterday.", "I saw him yesterday."),
        ("I told her that it works.", "I told him that it works."),
        ("Her book is here.", "His book is here."),
        ("I read her book.", "I read his book."),
        ("I read her", "I read him"),
        ('"I read her"', '"I read him"'),
        ("The horse of his is old.", "The horse of hers is old."),
        ('I read her "book".', 'I read his "book".'),
        ("The book is hers.", "The book is his."),
        ("The book is his.", "The book is hers."),
        ("His book is here.", "Her book is here."),
        ("It is a friend of his, too.", "It is a friend of hers, too."),
        ("Ask him for it.", "Ask her for it."),
        ("he's the one; he’ll come", "she's the one; she’ll come"),
        ("Mrs. Smith and Mr. Jones", "Mr. Smith and Ms. Jones"),
        ("the businesswoman's boyfriend", "the businessman's girlfriend"),
        ("himself", "herself"),
        ("ma’am", "sir"),
        ("two actors and a waitress", "two actresses and a waiter"),
        ("Landladies and waitresses", "Landlords and waiters"),
        ("daddies", "mommies"),
    ],
)
def test_gender_is_swapped(text, twin):
    assert GENDER.shift(text, 1) == twin


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("A Christian prays.", "A Muslim prays."),
        ("Muslims and Jews", "Jews and Hindus"),
        ("CHRISTIANS", "MUSLIMS"),
        ("a muslim neighbour", "a jewish neighbour"),
        ("the mosque", "the synagogue"),
        ("the Hindu temple", "the Buddhist temple"),
    ],
)
def test_religions_move_on_by_one(text, twin):
    assert RELIGION.shift(text, 1) == twin


@pytest.mark.parametrize(
    ("axis", "text", "twin"),
    [
        ("ethnicity", "Black people and white people", "White people and Asian people"),
        ("ethnicity", "we met white people", "we met Asian people"),
        ("ethnicity", "a black car by the white house", "a black car by the white house"),
        ("nationality", "An African American and a German", "An African American and a Mexican"),
        ("nationality", "New Mexico borders Mexico", "New Mexico borders Nigeria"),
        ("age", "Old people walk; young\nmen run.", "Young people walk; old men run."),
        ("age", "young mangoes and old manes", "young mangoes and old manes"),
        ("orientation", "he is gay; go straight on", "he is straight; go straight on"),
        ("disability", "deaf students with disabilities", "hearing students without disabilities"),
    ],
)
def test_other_axes(axis, text, twin):
    assert Swap(AXES[axis]).shift(text, 1) == twin


def test_a_shift_by_no_group_changes_nothing():
    assert RELIGION.shift("Christians and Jews", 5) == "Christians and Jews"
    assert GENDER.shift("his and her book", 2) == "his and her book"


def test_own_terms_work_in_a_script_without_spaces():
    assert Swap((("他", "她"),)).shift("他们看见她", 1) == "她们看见他"


@pytest.mark.parametrize("text", ["", "no group here", "对不起，我不能", "אני מצטער", "آسف"])
def test_a_text_without_groups_stays(text):
    assert all(Swap(rows).shift(text, 1) == text for rows in AXES.values())


@pytest.mark.parametrize("axis", AXES)
def test_rows_are_parallel(axis):
    rows = AXES[axis]
    assert len({len(row) for row in rows}) == 1
    assert all(term == " ".join(term.split()) for row in rows for term in row)


@pytest.mark.parametrize("axis", AXES)
def test_terms_are_words(axis):
    assert not [term for row in AXES[axis] for term in row if re.search(r"sss$|[^aeiou]ys$", term)]


def reversible(axis):
    """The terms of an axis whose twins all lead back."""
    swap = Swap(AXES[axis])
    terms = {term for row in swap.rows for term in row} - {"her", "his", "hers", "him"}
    return sorted(t for t in terms if all(swap.shift(swap.shift(f"x {t} x", s), -s) == f"x {t} x" for s in range(9)))


def test_most_terms_are_reversible():
    counts = {axis: (len(reversible(axis)), len({t for row in AXES[axis] for t in row})) for axis in AXES}
    assert all(back >= 0.75 * all_of_them for back, all_of_them in counts.values()), counts


VOCABULARY = {axis: [*reversible(axis), "horse", "the", ",", "Ω"] for axis in AXES}


@given(st.sampled_from(sorted(AXES)), st.data(), st.integers(1, 4))
def test_the_way_back_is_the_identity(axis, data, by):
    text = "x " + " / ".join(data.draw(st.lists(st.sampled_from(VOCABULARY[axis]), max_size=6))) + " x"
    swap = Swap(AXES[axis])
    assert swap.shift(swap.shift(text, by), -by) == text


PARTS = st.sampled_from(["he", "She", "HE", "men", "Women", "his book", "saw him.", "Mr", "actress"])


@given(st.lists(PARTS, max_size=6))
def test_gender_swapped_twice_is_the_identity(parts):
    text = ", ".join(parts).replace(".,", ".")
    assert GENDER.shift(GENDER.shift(text, 1), 1) == text


@pytest.mark.skipif(not WINOGENDER.exists(), reason="winogender is absent")
def test_winogender_twins_come_out_both_ways():
    with WINOGENDER.open(encoding="utf-8") as file:
        texts = {row["sentid"]: row["sentence"] for row in csv.DictReader(file, delimiter="\t")}
    male = [name for name in texts if ".male." in name]
    assert len(male) == 240
    for name in male:
        him, her = texts[name], texts[name.replace(".male.", ".female.")]
        assert GENDER.shift(him, 1) == her
        assert GENDER.shift(her, 1) == him
