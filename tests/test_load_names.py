"""A resource whose name the destination spells in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest

import filehaul
from filehaul.testing import FakeVendor
from hauling import config_for


def test_a_respelt_table_is_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``MyFiles`` is the table ``my_files``: found there, its rows are not taken for lost."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor.of_records(30) as vendor:
        config = config_for(vendor, content=None)
        config["resources"][0]["name"] = "MyFiles"
        assert filehaul.sync(config).rows == 30
        again = filehaul.sync(config)
    assert (again.rows, again.warnings) == (0, [])
