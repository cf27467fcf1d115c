"""`filehaul vendors`: what a preset can do is told from its data, and the docs say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filehaul.cli.verbs import app
from filehaul.presets import described, every, table
from filehaul.vendors import names
from write_pages import DOCS, pages

RUNNER = CliRunner()

OWN = """\
preset:
  title: Acme
  about: files of the SDK's tenant
  parameters: {tenant: {about: its name}, page: {about: rows, default: 5, one_of: [5, 10]}}
  capabilities: {duplicate_names: true, times: client, trash: marked, feed_repeats: true}
  sign_in: {bearer: "token: from Settings"}
client: {base_url: "https://<<tenant>>.example.com", auth: {type: bearer}}
resource_defaults:
  primary_key: file_id
  fields: {file_id: id, checksum: {md5: m, quickxor: q}}
resources:
  - name: files
    endpoint: {path: /delta}
    changes: {start: {from: listing}, token_is_url: true, final_path: link}
    content:
      path: /x
      export: {path: /y, by_mime: {"a/doc": {mime_type: b/docx, extension: .docx}, "a/*": skip}}
  - {name: trash, walk: {root: "0"}, selected: false}
"""


@pytest.mark.parametrize("page", sorted(pages()), ids=lambda page: page.name)
def test_the_docs_say_what_the_data_say(page: Path) -> None:
    """`make pages` was run since a preset changed: a page each, and the table of all."""
    assert page.is_file(), f"make pages writes {page}"
    assert page.read_text("utf-8") == pages()[page], "make pages"


def test_no_page_is_left_of_a_preset_that_went() -> None:
    """Each page of docs/vendors has a preset."""
    assert sorted(page.stem for page in (DOCS / "vendors").glob("*.md")) == names()


def test_what_a_preset_can_do_is_read_off_its_keys(tmp_path: Path) -> None:
    """Listing, feed, checksums, exports and sign-in are not said twice; what is unselected counts
    for nothing."""
    (tmp_path / "acme.yaml").write_text(OWN)
    one = described("./acme.yaml", tmp_path)
    assert (one.title, one.listings, one.has_changes) == ("Acme", ("delta",), True)
    assert (one.checksums, one.sign_ins) == (("md5", "quickxor"), ("bearer",))
    assert one.exports == (("a/doc", ".docx"), ("a/*", "skip"))
    assert one.is_verified
    assert one.row()[3:] == ("delta", "feed", "md5, quickxor", "yes", "yes")
    page = one.page()
    assert page.startswith("# Acme\n\nFiles of the SDK's tenant.\n")
    assert "| `tenant` | its name | required |  |" in page
    assert "| `page` | rows (`5`, `10`) | `5` |  |" in page
    assert "- `type: bearer`: token: from Settings" in page
    assert "it may repeat itself" in page
    assert "one folder may have one name" in page
    assert "\nclient: {base_url" in page
    assert "preset:" not in page


def test_the_verb_prints_a_row_a_vendor_and_a_page_of_one() -> None:
    """As text, and with --json as one object a vendor; an unknown one is exit 4."""
    rows = RUNNER.invoke(app, ["vendors"])
    assert rows.exit_code == 0
    lines = rows.stdout.splitlines()
    assert lines[: len(names()) + 1] == table(every())
    assert [line.split()[0] for line in lines[1 : len(names()) + 1]] == names()
    one = RUNNER.invoke(app, ["vendors", "box"])
    assert one.stdout == described("box").page() + "\n"
    many = RUNNER.invoke(app, ["vendors", "--json"])
    found = [json.loads(line) for line in many.stdout.splitlines() if line.startswith("{")]
    assert [row["name"] for row in found] == names()
    box = next(row for row in found if row["name"] == "box")
    assert (box["event"], box["listings"], box["checksums"]) == ("vendor", ["walk"], ["sha1"])
    assert box["parameters"]["subject_id"]["example"] == "1234567"
    assert box["capabilities"]["redirects"] is True
    assert box["config"]["client"]["base_url"] == "https://api.box.com/2.0"
    unknown = RUNNER.invoke(app, ["vendors", "bxo"])
    assert unknown.exit_code == 4
    assert "did you mean 'box'?" in unknown.stderr
