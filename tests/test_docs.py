"""The docs are read by a test: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main
import yaml

from filehaul import errors
from filehaul.catalogue import OUR_COLUMNS
from filehaul.cli.verbs import app
from filehaul.config import load_config
from filehaul.fields import NEUTRAL_TYPES
from filehaul.load.tables import TABLES
from filehaul.report import Report

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page and number, text) of every fenced block of a language."""
    found = []
    for page in PAGES:
        fenced = re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
        found += [(f"{page.name}-{number}", text) for number, text in enumerate(fenced, 1)]
    return found


@pytest.mark.parametrize("text", [pytest.param(t, id=name) for name, t in blocks("yaml")])
def test_every_yaml_block_is_a_config(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A config copied from the docs is read without an error."""
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, "x")
    (tmp_path / "acme.yaml").write_text(text, "utf-8")
    assert load_config(tmp_path / "acme.yaml").resources
    assert yaml.safe_load(text)["name"]


@pytest.mark.parametrize("text", [pytest.param(t, id=name) for name, t in blocks("python")])
def test_every_python_block_is_python(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script copied from the docs parses, and a config in it is a config."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "filehaul.sync":
            for name in re.findall(r"\$\{(\w+)\}", text):
                monkeypatch.setenv(name, "x")
            assert load_config(ast.literal_eval(node.args[0])).resources


def test_every_verb_and_option_is_in_the_docs() -> None:
    """docs/cli.md has each verb and each option of it."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    command = typer.main.get_command(app)
    for verb, sub in command.commands.items():  # type: ignore[attr-defined]
        assert f"`filehaul {verb}" in page, verb
        for parameter in sub.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}" in page, f"{verb} {option}"


def test_every_exit_code_is_in_the_docs() -> None:
    """docs/cli.md has each code that an error can have."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    codes = {
        thing.exit_code
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.FilehaulError)
    }
    for code in codes | {0}:
        assert re.search(rf"^\| {code} \|", page, re.M), code


def test_every_error_is_in_the_tree() -> None:
    """The docstring of errors.py draws each error, with its exit code."""
    tree = errors.__doc__ or ""
    for name, thing in vars(errors).items():
        if isinstance(thing, type) and issubclass(thing, errors.FilehaulError):
            line = next((line for line in tree.splitlines() if f"{name} " in line + " "), None)
            assert line is not None, name
            if name != "FilehaulError":
                assert f" {thing.exit_code} " in line, name
                assert thing.kind in line, name


def test_every_column_is_in_the_docs() -> None:
    """docs/tables.md has each column of each table."""
    page = (ROOT / "docs" / "tables.md").read_text("utf-8")
    for table, columns in TABLES.items():
        assert f"`{table}`" in page
        for column in columns:
            assert f"`{column}`" in page, f"{table}.{column}"
    for column in (*NEUTRAL_TYPES, *OUR_COLUMNS):
        assert f"`{column}`" in page, column


def test_the_last_line_of_sync_is_as_documented() -> None:
    """docs/cli.md has each name of the report."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name in Report("acme").as_dict():
        assert f'"{name}"' in page, name


def test_readme_commands_exist() -> None:
    """The README's two commands are targets of the Makefile, and its verbs are verbs."""
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^    make (\w+)", readme, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for verb in re.findall(r"^    filehaul (\w+)", readme, re.M):
        assert verb in verbs
    for link in re.findall(r"\]\((docs/[^)#]+)\)", readme):
        assert (ROOT / link).exists(), link
