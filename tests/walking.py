"""What the tests of walks share: vendors of folders, and walks over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config_dicts import config
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.listing import lister
from filehaul.listing.walk import Walk
from filehaul.testing import FakeFile, FakeVendor
from page_vendor import Answering, Question, Raw

OFFSET = {"type": "offset", "limit": 100}
RULE = {"path": "type", "equals": "folder"}
ITEMS = "/v1/folders/{folder_id}/items"


def walk_block(**keys: Any) -> dict[str, Any]:
    """A walk of the fake vendor's folders; ... (Ellipsis) takes a key away."""
    block = {"root": "0", "path": ITEMS, "folder": RULE, **keys}
    return {key: value for key, value in block.items() if value is not ...}


def walk_config(
    url: str, walk: Any = None, concurrency: int = 4, resource: Any = None, **endpoint: Any
) -> dict[str, Any]:
    """A config, without credentials, whose one resource is walked; retries do not wait."""
    made = config()
    made["client"] = {
        "base_url": url,
        "limits": {"concurrency": concurrency},
        "retry": {"max_retries": 1, "backoff_factor": 0},
    }
    made["resources"][0]["endpoint"] = {
        "data_selector": "files",
        "paginator": OFFSET,
        **endpoint,
    }
    made["resources"][0]["walk"] = walk_block(**(walk or {}))
    made["resources"][0].update(resource or {})
    return made


@contextmanager
def walk_of(url: str, walk: Any = None, **options: Any) -> Iterator[Walk]:
    """A walk, not begun yet."""
    prove = options.pop("prove", False)
    read = load_config(walk_config(url, walk, **options), expand=False)
    with connect(read) as http:
        made = lister(read.resources[0], read.client, http, prove=prove)
        assert isinstance(made, Walk)
        yield made


def walked(url: str, walk: Any = None, **options: Any) -> tuple[dict[str, str], Walk]:
    """Each record's id and the path of the folder it was found in; and the walk, ended."""
    found: dict[str, str] = {}
    with walk_of(url, walk, **options) as made:
        for page in made:
            assert page.folder is not None
            for record in page.records:
                assert record["id"] not in found
                found[record["id"]] = page.folder.path
        return found, made


def tree_vendor(**options: Any) -> FakeVendor:
    """Six files in five folders: docs, docs/2024, docs/2024/q1, docs/2025, media."""
    paths = ["top.txt", "docs/a.txt", "docs/2024/b.txt", "docs/2024/q1/c.txt", "docs/2025/d.txt"]
    files = [
        FakeFile(path, path.rpartition("/")[2], path=path, content=path.encode() * 3)
        for path in [*paths, "media/e.bin"]
    ]
    return FakeVendor(files, auth=False, **options)


def items_path(vendor: FakeVendor, folder: str) -> str:
    """Where a folder of the fake vendor is listed."""
    return f"/v1/folders/{vendor.folder_id(folder)}/items"


def folder_record(id_: Any, name: Any = None) -> dict[str, Any]:
    """A folder's record in an invented vendor's pages."""
    return {"type": "folder", "id": id_, "name": f"n{id_}" if name is None else name}


def graph(children: dict[str, list[str]], files: dict[str, int], limit: int = 2) -> Answering:
    """A vendor of these folders, with so many files in each, in pages of ``limit`` rows."""
    rows = {
        name: [{"type": "file", "id": f"{name}.{n}", "name": f"f{n}"} for n in range(files[name])]
        + [folder_record(child) for child in below]
        for name, below in children.items()
    }

    def answering(question: Question) -> Any:
        name = question.path.split("/")[3]
        if name not in rows:
            return Raw({"error": "gone"}, 404)
        start = question.number("offset")
        return {"files": rows[name][start : start + limit], "total": len(rows[name])}

    return answering
