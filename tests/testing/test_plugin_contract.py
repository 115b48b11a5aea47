"""The contract of a plugin passes a good one, and catches one that breaks each rule, with what to do."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from dressage.testing import HEAVY, PluginContract
from dressage.testing.readme import names_in_yaml, section

FILES = {
    "calm/__init__.py": '''
from dressage import Options, hookimpl

class CalmOptions(Options):
    marks: str = "!"
    limit: int = 3

class OtherOptions(Options):
    pass

@hookimpl
def register_rewards(register):
    register("calm", "calm.reward:Calm", options=CalmOptions, doc="How few marks a reply has.")
    register("calm-words", "calm.reward:CalmWords", options=OtherOptions, doc="How few words.")

@hookimpl
def register_commands(register):
    register("count", "calm.reward:count", doc="Counts marks.")
''',
    "calm/reward.py": '''
import dressage
import email.mime.audio as slow
from calm import CalmOptions, OtherOptions

class Calm(dressage.Reward[CalmOptions]):
    def score(self, batch):
        return [None] * len(batch)

class CalmWords(dressage.Reward[OtherOptions]):
    def score(self, batch):
        return [None] * len(batch)

def count(): ...
''',
    "README.md": '''
# Calm things

```yaml
# Limits
rewards: [{use: calm, with: {limit: 2}}, calm-words]
```

## calm

`marks` are looked for.

### How many

Up to `limit`.

## calm-words
''',
}  # fmt: skip
NAMES = "test_registers_the_names_that_it_says"
LOADS = "test_every_class_loads_and_is_what_its_registration_says"
DOCS = "test_everything_says_in_one_line_what_it_does"
LIGHT = "test_registering_imports_nothing_heavy"
SHOWN = "test_readme_shows_every_component_in_a_yaml"
EXPLAINED = "test_readme_explains_every_option"
Contract: TypeAlias = Callable[..., PluginContract]


@pytest.fixture
def contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """Writes the plugin, with some of its text changed, and gives its contract."""

    def make(file: str = "README.md", old: str = "", new: str = "", **attributes: Any) -> PluginContract:
        for name, text in FILES.items():
            assert file != name or old in text
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.replace(old, new) if file == name and old else text)
        said = {"reward": ["calm", "calm-words"], "command": ["count"]}
        values = {"plugin": "calm", "registers": said, "readme": tmp_path / "README.md"} | attributes
        return type("Subject", (PluginContract,), values)()

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "calm"]:
        del sys.modules[name]


@pytest.mark.parametrize("test", [NAMES, LOADS, DOCS, LIGHT, SHOWN, EXPLAINED])
def test_plugin_contract_passes_a_good_plugin(contract: Contract, test: str) -> None:
    getattr(contract(heavy=HEAVY | {"email.mime.audio"}), test)()


def test_these_are_all_tests_of_the_contract() -> None:
    tests = {name for name in vars(PluginContract) if name.startswith("test_")}
    assert tests == {NAMES, LOADS, DOCS, LIGHT, SHOWN, EXPLAINED}


INIT, REWARD, README = FILES
IMPORT, SLOW = "from dressage import", "import email.mime.audio"
BROKEN = {
    "a name too many": (INIT, '"calm-words"', '"calm-word"', NAMES, "registers reward 'calm-word'; add that to"),
    "a name too few": (INIT, "@hookimpl\ndef register_commands", "def _", NAMES, "not register command 'count'; add a"),
    "a broken hook": (INIT, "register_rewards", "register_reward", NAMES, "did you mean 'register_rewards'"),
    "no such module": (INIT, "reward:CalmWords", "rewards:CalmWords", LOADS, "'calm-words' .* No module named"),
    "no such class": (INIT, "reward:CalmWords", "reward:Words", LOADS, "'calm-words' .* has no attribute 'Words'"),
    "no such function": (INIT, "reward:count", "reward:slow", LOADS, "command 'count' .* is not a function"),
    "a package that is absent": (REWARD, "import dressage", "import dressage, gone", LOADS, "'gone'.* be installed"),
    "another kind": (
        REWARD, "dressage.Reward[OtherOptions]", "dressage.Filter[OtherOptions]", LOADS,
        "'calm-words' .* is not a subclass of dressage.Reward; correct the class or",
    ),
    "other options": (
        INIT, "options=OtherOptions", "options=CalmOptions", LOADS,
        "'calm-words' .* has options OtherOptions, its registration says CalmOptions; correct",
    ),
    "no doc": (INIT, ', doc="How few words."', "", DOCS, "'calm-words' does not say what it does; give .* a doc="),
    "a doc of two lines": (INIT, "few words", "few\\nwords", DOCS, "'calm-words': its doc has several lines; cut it"),
    "a heavy import": (
        INIT, IMPORT, f"{SLOW}\n{IMPORT}", LIGHT,
        'registering calm imports email.mime.audio; register the class by its name, as "module:Class"',
    ),
    "a heavy import in a hook": (
        INIT, '    register("count"', '    import calm.reward\n    register("count"', LIGHT,
        "registering calm imports email.mime.audio",
    ),
    "a need of what the tests import": (
        INIT, IMPORT, f"import sys; sys.modules['pytest']\n{IMPORT}", LIGHT,
        "calm cannot be loaded in a fresh process: KeyError: 'pytest'",
    ),
    "no example": (README, "calm-words]", "calm]", SHOWN, "no ```yaml block has reward 'calm-words'; show how"),
    "an option in the YAML alone": (
        README, "Up to `limit`.", "Not many.", EXPLAINED,
        "does not explain `limit` of reward 'calm'; write of it under .* `## calm`",
    ),
    "an option elsewhere": (README, "### How many", "## How many", EXPLAINED, "not explain `limit` of reward 'calm'"),
    "no heading": (README, "## calm\n", "## Calm\n", EXPLAINED, "not explain `marks`, `limit` of reward 'calm'"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "test", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_plugin_contract_catches(contract: Contract, file: str, old: str, new: str, test: str, message: str) -> None:
    subject = contract(file, old, new, heavy={"email.mime.audio"})
    with pytest.raises(Exception, match=message) as caught:
        getattr(subject, test)()
    assert caught.type.__name__ in ("AssertionError", "PluginError")


@pytest.mark.parametrize("test", [SHOWN, EXPLAINED])
def test_readme_is_not_looked_at_where_none_is_named(contract: Contract, test: str) -> None:
    getattr(contract(readme=None), test)()


@pytest.mark.parametrize("test", [SHOWN, EXPLAINED])
def test_empty_readme_says_nothing(contract: Contract, test: str) -> None:
    subject = contract()
    (Path(sys.path[0]) / README).write_text("")
    with pytest.raises(AssertionError, match="reward 'calm'"):
        getattr(subject, test)()


def test_readme_that_is_named_must_be_there(contract: Contract) -> None:
    with pytest.raises(AssertionError, match=r"gone\.md: no such file; correct the contract's `readme`"):
        getattr(contract(readme=Path("gone.md")), SHOWN)()


def test_readme_of_a_plugin_with_one_component_needs_no_headings(contract: Contract) -> None:
    second = '    register("calm-words", "calm.reward:CalmWords", options=OtherOptions, doc="How few words.")\n'
    subject = contract(INIT, second, "")
    (Path(sys.path[0]) / README).write_text("Has `marks` and `limit: 2`.")
    getattr(subject, EXPLAINED)()
    (Path(sys.path[0]) / README).write_text("Has `marks` and limits.")
    with pytest.raises(AssertionError, match="does not explain `limit` of reward 'calm'; write of it there"):
        getattr(subject, EXPLAINED)()


def test_section_ends_at_the_next_heading_of_its_level_and_not_in_a_block() -> None:
    text = "# All\n## a, b\n1\n```\n# 2\n```\n### 3\n## a-b\n4\n# C\n5\n## b\n6"
    assert section(text, "a") == "## a, b\n1\n```\n# 2\n```\n### 3"
    assert section(text, "b") == section(text, "a") + "\n## b\n6"
    assert section(text, "a-b") == "## a-b\n4"
    assert section(text, "c") == ""


def test_name_in_a_yaml_is_a_whole_word_of_a_block_of_yaml() -> None:
    assert names_in_yaml("```yaml\nuse: bias\n```", "bias")
    assert not names_in_yaml("```yaml\nuse: bias-classifier\n```\nbias\n```\nbias\n```", "bias")
