"""The documents hold together: links lead somewhere, tables are complete, and nothing local stands in them."""

import ast
import re
from pathlib import Path

import pytest
from generator import cli, components

from tests.docs.conftest import ROOT, documents, pages

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LOCAL = re.compile(r"/(work|home|root|tmp|Users)/|\bsession\b(?!s? key)|\bissue #?\d|#\d+\b", re.IGNORECASE)


def links(path: Path) -> list[str]:
    found = LINK.findall(CODE.sub("", path.read_text(encoding="utf-8")))
    return [link for link in found if not link.startswith(("http", "mailto"))]


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pictures_are_there(path):
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    assert [name for name in shown if not (path.parent / name).is_file()] == []


def anchors(path: Path) -> set[str]:
    """The places of a page that a link can name: its headings as GitHub writes them, and its own anchors."""
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_local_stands_in_a_document(path):
    assert LOCAL.findall(path.read_text(encoding="utf-8")) == []


def test_every_page_is_reached_from_the_readme_or_the_index():
    reached = {
        (p.parent / link.partition("#")[0]).resolve()
        for p in (ROOT / "README.md", ROOT / "docs/index.md")
        for link in links(p)
    }
    assert [p.name for p in pages() if p.resolve() not in reached and p.name not in ("README.md", "index.md")] == []


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {path.relative_to(ROOT / "docs").as_posix() for path in pages() if path.name != "README.md"}


def test_readme_lists_every_plugin_with_all_it_supplies():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(dressage-[\w-]+)\]\(plugins/\1\) \| (.+) \|$", text, re.MULTILINE))
    supplied: dict[str, set[str]] = {}
    for entry in components.catalog():
        supplied.setdefault(entry.distribution, set()).add(entry.name)
    assert {name: set(re.findall(r"`([\w-]+)`", row)) for name, row in rows.items()} == supplied


def test_readme_names_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name, _ in cli.commands() if f"`{name}" not in text] == []


def test_optimizer_that_the_readme_points_to_is_as_short_as_it_says():
    found = re.search(r"\[under (\d+) lines\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len((ROOT / found[2]).read_text(encoding="utf-8").splitlines()) < int(found[1])


def test_readme_has_a_place_for_the_evidence():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- evidence:start -->") == text.count("<!-- evidence:end -->") == 1
    assert text.index("make quickstart") < text.index("<!-- evidence:start -->") < text.index("docs/images/report.png")


def test_run_folder_page_has_every_key_of_the_report():
    page = (ROOT / "docs/run-folder.md").read_text(encoding="utf-8")
    tree = ast.parse((ROOT / "core/dressage/run/loop.py").read_text(encoding="utf-8"))
    report = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_report")
    returned = next(n.value for n in ast.walk(report) if isinstance(n, ast.Return))
    keys = [key.value for key in returned.keys]
    section = page.split("## report.json")[1]
    assert [key for key in keys if f"`{key}`" not in section] == []


def test_every_target_of_make_that_is_named_exists():
    targets = set(re.findall(r"^([a-z.]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {t for p in pages() for t in re.findall(r"\bmake ([a-z]+)\b`?", " ".join(CODE.findall(p.read_text())))}
    assert named <= targets
