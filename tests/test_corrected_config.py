"""A config that was wrong and is corrected: what failed because of it is asked again at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import filehaul
from filehaul.testing import FakeFile, FakeVendor

FILES = [FakeFile(f"id{n}", f"f{n}.txt", content=b"x" * n) for n in range(1, 6)]


def config_for(vendor: FakeVendor, content: dict[str, Any]) -> dict[str, Any]:
    """A config whose only doubtful part is ``content``."""
    return {
        "client": {"base_url": vendor.base_url},
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "files",
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": 100},
                },
                "content": content,
            }
        ],
        "sink": "files",
    }


def test_a_corrected_path_is_tried_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the wrong path all files are parked; with the right one all arrive in the next run."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files=FILES, auth=False) as vendor:
        wrong = config_for(vendor, {"path": "/v1/filez/{file_id}"})
        report = filehaul.sync(wrong)
        assert (report.failed, report.exit_code) == (5, 3)
        asked = vendor.count("/v1/filez/*")
        report = filehaul.sync(wrong)
        assert (report.parked, report.failed, report.exit_code) == (5, 0, 0)
        assert vendor.count("/v1/filez/*") == asked

        report = filehaul.sync(config_for(vendor, {"path": "/v1/files/{file_id}/content"}))
        assert (report.transferred, report.parked, report.failed) == (5, 0, 0)
    assert (tmp_path / "files/f3.txt").read_bytes() == b"xxx"


def test_another_verify_policy_is_tried_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify: checksum` on a vendor without checksums fails; `auto` then takes the size."""
    monkeypatch.chdir(tmp_path)
    path = "/v1/files/{file_id}/content"
    with FakeVendor(files=FILES, auth=False, checksum=False) as vendor:
        report = filehaul.sync(config_for(vendor, {"path": path, "verify": "checksum"}))
        assert report.failed == 5
        report = filehaul.sync(config_for(vendor, {"path": path}))
        assert (report.transferred, report.parked) == (5, 0)
