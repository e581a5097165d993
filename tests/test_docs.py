"""Our pages lead where they say, stay short where they must, and say the same in both languages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pages import ROOT, Page, commands

from flows.cli import COMMANDS, app

# Not into environments and caches; and boards that tests read are no pages of ours.
FOLDERS = [one for one in ROOT.iterdir() if one.is_dir() and (one.name[0] != "." or one.name == ".github")]
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in folder.rglob("*.md")))
    if not path.is_relative_to(ROOT / "tests/boards")
)
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
ENGLISH, CHINESE = Page.read("README.md"), Page.read("README.zh-CN.md")


def _problem(page: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        good = parts.scheme == "https" and "." in (parts.hostname or "") and link.isascii()
        return None if good else "is no https address"
    target = (ROOT / page.parent / unquote(parts.path)).resolve() if parts.path else ROOT / page
    if not target.is_relative_to(ROOT) or not target.exists():
        return "leads to no file"
    if parts.fragment and (
        target.suffix != ".md" or unquote(parts.fragment) not in Page.read(target).anchors
    ):
        return "leads to no heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    problems = {link: _problem(page, link) for link in Page.read(page).links}

    assert {link: why for link, why in problems.items() if why} == {}


def test_headings_have_the_anchors_that_github_gives_them() -> None:
    page = Page.read("flows/README.md")

    assert {"is-everything-in-place", "without-a-key-a-server-a-worker-runs", "exit-codes"} <= page.anchors


def test_every_page_that_the_code_names_is_there() -> None:
    sources = [
        path for room in ("flows", "tasks", "blocks", "footage") for path in (ROOT / room).rglob("*.py")
    ]
    sources += [ROOT / "prefect.yaml", *(ROOT / ".deploy").iterdir()]
    named = {
        name
        for path in sources
        if path.is_file()
        for name in re.findall(r"\b(?:flows|tasks|blocks|footage)/[\w/-]*\.md\b", path.read_text("utf-8"))
    }

    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_page_is_read_in_one_sitting(name: str) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= 200


# ------------------------------------------------------------------------------------------- two languages


def _uncommented(code: str) -> str:
    return re.sub(r"[ ]{2,}#.*", "", code)


def test_both_languages_have_the_same_sections() -> None:
    assert [level for level, _ in CHINESE.headings] == [level for level, _ in ENGLISH.headings]


def test_both_languages_show_the_same_code() -> None:
    # Comments are for people, and so in their language.
    assert [(kind, _uncommented(code)) for kind, code in CHINESE.fences] == [
        (kind, _uncommented(code)) for kind, code in ENGLISH.fences
    ]


def test_both_languages_name_the_same_things() -> None:
    """Fields, files, commands and options, however a sentence puts them in order."""
    assert sorted(CHINESE.code) == sorted(ENGLISH.code)


def test_both_languages_have_the_same_tables() -> None:
    def rows(page: Page) -> list[list[list[tuple[str, ...]]]]:
        return [[[cell.code for cell in row] for row in table] for table in page.tables]

    assert rows(CHINESE) == rows(ENGLISH)


def test_both_languages_lead_to_the_same_places_and_to_each_other() -> None:
    assert ENGLISH.links[0] == "README.zh-CN.md"
    assert CHINESE.links[0] == "README.md"
    assert CHINESE.links[1:] == ENGLISH.links[1:]


# ------------------------------------------------------------------------------------------------ commands


def _typed() -> list[tuple[Path, str]]:
    pages = [page for page in PAGES if page.name.startswith("README")]
    return [
        (page, command)
        for page in pages
        for kind, code in Page.read(page).fences
        if kind == "console"
        for command in commands(code)
    ]


def test_every_command_line_that_is_shown_is_understood() -> None:
    ours = [command for _, command in _typed() if command.startswith("wan-video ")]

    assert len(ours) > 10
    for command in ours:
        app.parse_args(shlex.split(command, comments=True)[1:], exit_on_error=False, print_error=False)


def test_every_command_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    words = [command for _, command in _typed()]
    words += [code for page in PAGES for code in Page.read(page).code]

    made = {match[1] for word in words if (match := re.match(r"make ([\w-]+)", word))}
    called = {match[1] for word in words if (match := re.match(r"wan-video ([\w-]+)", word))}
    assert {"demo", "test"} <= made <= targets
    assert called <= {*COMMANDS, "--help", "--version"}


def test_every_option_that_is_named_exists() -> None:
    known = {
        name
        for command in COMMANDS
        for one in app[command].assemble_argument_collection()
        for name in one.names
    }
    # Of every command; of Prefect's commands; of `python -m footage.emulator`; of `python benchmarks/scale`.
    known |= (
        {"--help", "--version", "--install-completion"}
        | {"--no-prompt", "--limit"}
        | {"--knobs"}
        | {"--into"}
    )
    pages = [page for page in PAGES if page.name.startswith("README")]
    named = {option for page in pages for word in Page.read(page).code for option in _OPTION.findall(word)}

    assert len(named) > 20
    assert named - known == set()
