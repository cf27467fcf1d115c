"""docs/new-vendor.md is walked through: its commands, in their order, against a vendor."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from filehaul.cli.verbs import app
from hauling import sink_files
from page_vendor import Question, Raw, vendor_of
from servers.running import ask

PAGE = Path(__file__).parent.parent / "docs" / "new-vendor.md"
HOST = "https://api.example.com"
TOKEN = "token-of-the-docs"
CONTENT = {f"f{n}": f"bytes of file {n}\n".encode() for n in range(5)}
SPEC = {
    "openapi": "3.0.0",
    "servers": [{"url": "/"}],
    "paths": {"/v1/files": {"get": {"responses": {"200": {"content": {"application/json": {
        "schema": {"properties": {"files": {"type": "array", "items": {"properties": {
            "id": {"type": "string"}, "name": {"type": "string"}, "size": {"type": "integer"},
            "updated_at": {"type": "string", "format": "date-time"}}}}}}}}}}}}},
}  # fmt: skip


def commands() -> list[str]:
    """Every command of the page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line]


def answering(url: list[str], question: Question) -> Any:
    if question.headers.get("authorization") != f"Bearer {TOKEN}":
        return Raw({"error": "sign in"}, 401)
    if question.path != "/v1/files":
        return Raw(CONTENT[question.path.split("/")[-1]])
    start, end = question.number("offset"), question.number("offset") + 3
    rows = [
        {"id": key, "name": f"{key}.txt", "size": len(content), "download_url": f"{url[0]}/b/{key}",
         "updated_at": f"2026-03-0{number + 1}T00:00:00Z"}
        for number, (key, content) in enumerate(CONTENT.items())
    ]  # fmt: skip
    more = {"next": f"/v1/files?limit=100&offset={end}"} if end < len(rows) else {}
    return {"files": rows[start:end], **more}


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a page, init, check, sync: each command ends well, and all bytes are there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", TOKEN)
    (tmp_path / "openapi.json").write_text(json.dumps(SPEC), "utf-8")
    found = commands()
    assert [line.split()[0] for line in found] == [
        *("curl", "filehaul", "filehaul", "export", "filehaul", "filehaul", "filehaul"),
    ]
    url: list[str] = []
    with vendor_of(lambda question: answering(url, question)) as vendor:
        url.append(vendor.url)
        for line in found:
            words = shlex.split(line.replace(HOST, vendor.url))
            if words[0] == "curl":
                assert words[words.index("-o") + 1] == "page.json"
                assert words[words.index("-D") + 1] == "head.txt"
                page = ask(words[-1], headers={"Authorization": f"Bearer {TOKEN}"})
                (tmp_path / "page.json").write_bytes(page)
                (tmp_path / "head.txt").write_text("HTTP/1.1 200 OK\r\nX: y\r\n", "utf-8")
            elif words[0] == "filehaul":
                if "--from-openapi" in words:  # the other way to the same file
                    words[words.index("acme.yaml")] = "other.yaml"
                result = CliRunner().invoke(app, words[1:])
                assert result.exit_code == 0, f"{line}\n{result.stdout}{result.stderr}"
    assert sink_files() == {f"{key}.txt": content for key, content in CONTENT.items()}
    assert "base_url" in (tmp_path / "other.yaml").read_text("utf-8")


def test_the_page_names_what_is_suspicious() -> None:
    """Its example of a check has a table and a line to write, as `check` prints them."""
    text = PAGE.read_text("utf-8")
    assert "column              from            filled  null  for example" in text
    assert "look  mapped files: suspicious: " in text
    assert "      write: fields: {checksum: {sha1: hash}}" in text
