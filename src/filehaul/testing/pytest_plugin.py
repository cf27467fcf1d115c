"""The pytest fixture ``fake_vendor``; registered as a plugin when filehaul is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from filehaul.testing.files import FakeFile
    from filehaul.testing.options import OptionArguments
    from filehaul.testing.vendor import FakeVendor


class MakeVendor(Protocol):
    """What the fixture gives: called, it starts a vendor."""

    def __call__(
        self, files: Iterable[FakeFile] | FakeVendor = (), **options: Unpack[OptionArguments]
    ) -> FakeVendor:
        """A running vendor of these files, or this vendor, running."""


@pytest.fixture
def fake_vendor() -> Iterator[MakeVendor]:
    """Make running fake vendors; all of them are stopped at the end of the test.

    ``fake_vendor(files, **options)`` starts ``FakeVendor(files, **options)``; a vendor made in
    another way is started by ``fake_vendor(FakeVendor.of_folder(folder))``. The test fails if a
    vendor itself, or a hook given to it, failed.
    """
    from filehaul.testing.vendor import FakeVendor

    with ExitStack() as running:

        def make(
            files: Iterable[FakeFile] | FakeVendor = (), **options: Unpack[OptionArguments]
        ) -> FakeVendor:
            vendor = files if isinstance(files, FakeVendor) else FakeVendor(files, **options)
            return running.enter_context(vendor)

        yield make
