"""Each template makes a plugin that installs, passes its own tests and is found; the YAML is right."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dressage import UsageError
from dressage.host import check, discover
from dressage.host.scaffold import KINDS, example_yaml, write_plugin


def _python(*arguments: object, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    places = os.pathsep.join(filter(None, (str(path), os.environ.get("PYTHONPATH"))))
    environ = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environ, check=False)


@pytest.mark.parametrize("kind", list(KINDS))
def test_plugin_passes_its_own_tests(kind: str, tmp_path: Path) -> None:
    made = write_plugin("horse-sense", kind, tmp_path / "made")
    done = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", path=made.folder, cwd=made.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with a plugin of each kind."""
    folder = tmp_path_factory.mktemp("made")
    made = [write_plugin(f"horse-{kind}", kind, folder / kind).folder for kind in KINDS]
    flags = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    done = _python("-m", "pip", "install", *flags, "--target", folder / "site", *made, path=folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.parametrize("kind", list(KINDS))
def test_installed_plugin_is_found_at_once(kind: str, site: Path, tmp_path: Path) -> None:
    shown = _python("-m", "dressage", "plugins", "show", f"horse-{kind}", path=site, cwd=tmp_path)
    first = shown.stdout.partition("\n")[0]
    assert first.startswith(f"horse-{kind}: "), shown.stdout + shown.stderr
    assert first.endswith(f"{kind} of dressage-horse-{kind} 0.1.0")


def test_installed_plugin_shows_its_options(site: Path, tmp_path: Path) -> None:
    shown = _python("-m", "dressage", "plugins", "show", "horse-reward", path=site, cwd=tmp_path)
    assert "Matched anywhere, without regard to case." in shown.stdout


@pytest.mark.parametrize("kind", list(KINDS))
def test_files_have_no_placeholder_left_and_end_with_one_newline(kind: str, tmp_path: Path) -> None:
    for path in write_plugin("a1", kind, tmp_path / "made").files:
        text = path.read_text()
        assert "$" not in text, path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


@pytest.mark.parametrize("name", ["none", "true", "tensor"])
def test_name_that_python_has_already_becomes_a_class(name: str, tmp_path: Path) -> None:
    made = write_plugin(name, "optimizer", tmp_path / name)
    assert f"class {name.capitalize()}Optimizer(" in (made.folder / f"dressage_{name}" / "optimizer.py").read_text()


def test_prefix_is_not_doubled(tmp_path: Path) -> None:
    made = write_plugin("dressage-calm", "filter", tmp_path / "made")
    assert (made.folder / "dressage_calm" / "filter.py").is_file()


@pytest.mark.parametrize("name", ["", "Calm", "a b", "a_b", "-a", "1st", "a--b", "ünder", "../x", "ppo"])
def test_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_plugin(name, "reward", tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("name", "kind"), [("length", "reward"), ("length", "filter"), ("refusal", "evaluator")])
def test_name_of_one_of_our_components_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"'{name}': dressage-[a-z]+ has an? {kind} of that name"):
        write_plugin(name, kind, tmp_path / "made")
    assert write_plugin("length", "optimizer", tmp_path / "other").files


def test_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_plugin("calm", "reward", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_folder_inside_of_a_file_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.txt is a file, not a folder; name another"):
        write_plugin("calm", "reward", tmp_path / "mine.txt" / "made")


def test_command_says_what_was_written_and_what_is_next(call) -> None:
    answer = call("new-plugin", "calm", "--kind", "evaluator")
    assert answer.code == 0
    assert "wrote dressage-calm/pyproject.toml" in answer.out
    assert answer.out.splitlines()[-1].startswith("next: pip install ")
    assert call("new-plugin", "calm", "--kind", "evaluator").code == 2


def test_example_yaml_is_right(tmp_path: Path) -> None:
    path = tmp_path / "quickstart.yaml"
    path.write_text(example_yaml())
    plan = check(path, discover())
    assert [stage.name for stage in plan.stages] == ["sft", "ppo"]
    assert plan.base is not None
    needed = {one.component.entry.distribution for one in (*plan.stages, *plan.filters, *plan.evaluate.measures)}
    needed |= {one.component.entry.distribution for stage in plan.stages for one in stage.rewards}
    listed = set(re.findall(r"dressage-[a-z]+", example_yaml().partition("version: 1")[0]))
    assert listed == needed | {plan.base.entry.distribution}
