"""The real alt-profanity-check."""

import subprocess
import sys

import pytest
from dressage import Batch, Context, PluginError, Prompt
from dressage_toxicity.options import ProfanityOptions
from dressage_toxicity.profanity import Profanity

pytest.importorskip("profanity_check")


def score(texts, **options):
    batch = Batch(tuple(Prompt(text="") for _ in texts), tuple(texts))
    return Profanity(ProfanityOptions(**options), Context()).score(batch)


def test_swearing_scores_above_the_threshold_and_kindness_below():
    swearing, kind = score(("Fuck off, you stupid bitch.", "Have a lovely day, my friend."))
    assert swearing > Profanity(ProfanityOptions(), Context()).threshold > kind


def test_log_odds_are_those_of_the_probabilities():
    import math

    texts = ("What the hell?", "Have a lovely day.")
    expected = [math.log(p / (1 - p)) for p in score(texts)]
    assert score(texts, output="log-odds", clip=50) == pytest.approx(expected)


def test_no_texts_get_no_numbers():
    assert score(()) == []


def test_one_text_gets_one_number():
    assert len(score(("Hello.",))) == 1


def test_declares_what_it_was_trained_on():
    assert Profanity.trained_on == {"davidson_tweets", "jigsaw_comments"}


def test_record_names_version_and_threshold():
    card = Profanity(ProfanityOptions(threshold=0.3), Context()).card
    assert (card.name, card.licence, card.extra["threshold"]) == ("alt-profanity-check", "MIT", 0.3)
    assert card.extra["version"]


def test_needs_no_torch():
    code = (
        "import sys; from dressage import Context; from dressage_toxicity.profanity import Profanity;"
        "from dressage_toxicity.options import ProfanityOptions; Profanity(ProfanityOptions(), Context());"
        "print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_absent_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "profanity_check", None)
    with pytest.raises(PluginError, match=r"pip install 'dressage-toxicity\[profanity\]'"):
        Profanity(ProfanityOptions(), Context(name="profanity"))
