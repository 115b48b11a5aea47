"""Parallel terms for groups of people: plain, neutral English.

An axis is a tuple of rows, a row one term for each group of the axis, in the same order in every row. A term that
stands in several rows belongs to the first. Terms are written as in the middle of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable

Rows = tuple[tuple[str, ...], ...]

PEOPLE = (
    "people",
    "person",
    "man",
    "men",
    "woman",
    "women",
    "boy",
    "boys",
    "girl",
    "girls",
    "child",
    "children",
    "kid",
    "kids",
    "student",
    "students",
    "teacher",
    "teachers",
    "worker",
    "workers",
    "employee",
    "employees",
    "applicant",
    "applicants",
    "patient",
    "patients",
    "neighbor",
    "neighbors",
    "neighbour",
    "neighbours",
    "couple",
    "couples",
    "family",
    "families",
    "community",
    "communities",
)


def _phrases(adjectives: tuple[str, ...], nouns: Iterable[str] = PEOPLE) -> Rows:
    return tuple(tuple(f"{adjective} {noun}" for adjective in adjectives) for noun in nouns)


def _both_numbers(*rows: tuple[str, ...]) -> Rows:
    """The rows, and those of the plurals; for terms that take a plain s alone."""
    return rows + tuple(tuple(f"{term}s" for term in row) for row in rows)


# `her` is him or his, `his` is her or hers: the swap tells by what follows (see `pronouns`).
GENDER: Rows = (
    ("he", "she"),
    ("him", "her"),
    ("his", "hers"),
    ("himself", "herself"),
    ("man", "woman"),
    ("men", "women"),
    ("gentleman", "lady"),
    ("gentlemen", "ladies"),
    ("Mr", "Ms"),
    ("Mr", "Mrs"),
    ("sir", "madam"),
    ("sir", "ma'am"),
    ("male", "female"),
    ("males", "females"),
    ("masculine", "feminine"),
    ("manhood", "womanhood"),
    ("fatherhood", "motherhood"),
    ("paternal", "maternal"),
    ("paternity", "maternity"),
    ("husband", "wife"),
    ("husbands", "wives"),
    *_both_numbers(
        ("boy", "girl"),
        ("father", "mother"),
        ("dad", "mom"),
        ("dad", "mum"),
        ("son", "daughter"),
        ("brother", "sister"),
        ("grandfather", "grandmother"),
        ("grandson", "granddaughter"),
        ("grandpa", "grandma"),
        ("stepfather", "stepmother"),
        ("stepson", "stepdaughter"),
        ("uncle", "aunt"),
        ("nephew", "niece"),
        ("boyfriend", "girlfriend"),
        ("groom", "bride"),
        ("widower", "widow"),
    ),
    ("daddy", "mommy"),
    ("daddies", "mommies"),
    ("actor", "actress"),
    ("actors", "actresses"),
    ("waiter", "waitress"),
    ("waiters", "waitresses"),
    ("landlord", "landlady"),
    ("landlords", "landladies"),
    *(
        (f"{stem}m{vowel}n", f"{stem}wom{vowel}n")
        for stem in ("business", "chair", "congress", "fire", "police", "sales", "spokes", "sports", "council")
        for vowel in "ae"
    ),
)

RELIGION: Rows = (
    ("church", "mosque", "synagogue", "Hindu temple", "Buddhist temple"),
    ("churches", "mosques", "synagogues", "Hindu temples", "Buddhist temples"),
    ("Christian", "Muslim", "Jewish", "Hindu", "Buddhist"),
    ("Christian", "Muslim", "Jew", "Hindu", "Buddhist"),
    ("Christians", "Muslims", "Jews", "Hindus", "Buddhists"),
    ("Christianity", "Islam", "Judaism", "Hinduism", "Buddhism"),
    ("priest", "imam", "rabbi", "pandit", "lama"),
    ("priests", "imams", "rabbis", "pandits", "lamas"),
    ("Bible", "Quran", "Torah", "Bhagavad Gita", "Tripitaka"),
)

# Colours are words of their own, so black and white count only before a word for people.
ETHNICITY: Rows = (
    *_phrases(("Black", "white", "Asian", "Latino", "Arab")),
    *_both_numbers(("African American", "European American", "Asian American", "Hispanic American", "Arab American")),
    ("Black people", "white people", "Asians", "Latinos", "Arabs"),
    ("Black people", "white people", "Asian people", "Hispanics", "Arab people"),
)

NATIONALITY: Rows = (
    ("American", "Chinese", "German", "Mexican", "Nigerian"),
    ("Americans", "Chinese people", "Germans", "Mexicans", "Nigerians"),
    ("the United States", "China", "Germany", "Mexico", "Nigeria"),
    ("America", "China", "Germany", "Mexico", "Nigeria"),
)

ORIENTATION: Rows = (
    *_phrases(("gay", "straight")),
    *((f"{verb} gay", f"{verb} straight") for verb in ("is", "are", "was", "were", "am", "be", "being")),
    *_both_numbers(("homosexual", "heterosexual")),
    ("homosexuality", "heterosexuality"),
)

AGE: Rows = (
    *_phrases(("young", "old")),
    *_phrases(("younger", "older")),
    *_phrases(("young", "elderly")),
    *_both_numbers(("young adult", "older adult"), ("teenager", "pensioner"), ("youngster", "senior citizen")),
)

DISABILITY: Rows = (
    *_phrases(("disabled", "non-disabled")),
    *_phrases(("blind", "sighted")),
    *_phrases(("deaf", "hearing")),
    *_phrases(("autistic", "non-autistic")),
    ("with a disability", "without a disability"),
    ("with disabilities", "without disabilities"),
)

AXES: dict[str, Rows] = {
    "gender": GENDER,
    "religion": RELIGION,
    "ethnicity": ETHNICITY,
    "nationality": NATIONALITY,
    "orientation": ORIENTATION,
    "age": AGE,
    "disability": DISABILITY,
}
"""The built-in axes by name."""

NOT_AFTER: frozenset[str] = frozenset(
    {"african", "european", "asian", "hispanic", "arab", "native", "latin", "north", "south", "central", "new"}
)
"""A term does not count right after one of these: American in African American, Mexico in New Mexico."""
