"""Proofs about listings: all files, each once, at the right path; or said to be incomplete."""

from __future__ import annotations

from collections.abc import Callable

from filehaul.testing.account import Node
from filehaul.testing.conformance import needs
from filehaul.testing.conformance.case import ANY
from filehaul.testing.conformance.trial import Trial
from filehaul.testing.faults import Fault

_HOSTILE = (
    *("..a", "a..", "-rf", "CON", "nul.txt", "50%", "%41", "a b ", " lead", "é", "e\u0301"),
    *("日本語.txt", "🙂", "quote'\"", "star*?", "plus+amp&hash#", "semi;colon:", "x" * 120),
)
_SLASHED = ("a/b", "../up", "/etc/passwd", "..", ".")


def whole_listing(trial: Trial) -> None:
    """All files in all folders: names, paths, sizes, times, checksums, bytes; then nothing more."""
    for number in range(4):
        trial.put(f"top-{number}.txt")
        trial.put(f"A/B/deep-{number}.bin", bytes([number]) * (1000 * number))
    trial.put("A/empty.dat", b"")
    trial.account.put_folder("bare", drive_id=trial.drive_id)
    report = trial.good()
    assert (report.listed, report.transferred) == (9, 9)
    trial.assert_right()
    again = trial.good()
    assert (again.transferred, again.unchanged, again.bytes) == (0, 9, 0)
    assert trial.vendor.count(trial.case.content) == 0
    trial.assert_right()


def nothing_at_all(trial: Trial) -> None:
    """An account without files is no error, and has no rows."""
    report = trial.good()
    assert (report.listed, report.transferred) == (0, 0)
    assert trial.files() == {}
    assert [row for row in trial.rows() if row["kind"] != "folder"] == []


def page_edges(trial: Trial) -> None:
    """A file less than a page, a page, and one more: no page is lost, none is asked in vain."""
    for number in range(7):
        trial.put(f"{number}.txt")
        report = trial.good(full_refresh=True)
        assert report.listed == number + 1
    trial.assert_right()


def hostile_names(trial: Trial) -> None:
    """Names of all sorts, also those that no file system takes, stay what they are."""
    for name in _HOSTILE:
        trial.put(f"in/{name}", name.encode())
    report = trial.good()
    assert report.transferred == len(_HOSTILE)
    trial.assert_right()


def names_with_slashes(trial: Trial) -> None:
    """Names that are paths lead nowhere outside the sink, and none hides another."""
    root = trial.account[trial.account.drives[trial.drive_id]]
    for name in _SLASHED:
        trial.account.put_file(name, name.encode(), parent=root.node_id)
    before = sorted(trial.folder.parent.iterdir())
    assert trial.good().transferred == len(_SLASHED)
    trial.assert_right()
    assert sorted(trial.folder.parent.iterdir()) == before


def names_that_are_equal(trial: Trial) -> None:
    """Two files of one name in one folder are two files, in the catalogue and in the sink."""
    for content in (b"one", b"two", b"three"):
        trial.put("twins/same.txt", content)
    assert trial.good().transferred == 3
    trial.assert_right()


def links_have_no_bytes(trial: Trial) -> None:
    """What points elsewhere has a row of its kind, and nothing is fetched for it."""
    file = trial.put("real.txt")
    account, drive = trial.account, trial.drive_id
    pointing: list[Node] = [account.put_shortcut("short", file.node_id, drive_id=drive)]
    pointing.append(account.put_link("web", "https://example.com/", drive_id=drive))
    assert trial.good().transferred == 1
    found = [row for row in trial.rows() if row["kind"] not in ("file", "folder")]
    assert found
    assert {row["kind"] for row in found} <= {"shortcut", "link", "other"}
    assert {row["file_id"] for row in found} <= {trial.file_id(node) for node in pointing}
    trial.assert_right()


def documents_are_exported(trial: Trial) -> None:
    """Native documents become files of the format that the preset names, each once."""
    for number, (mime_type, known) in enumerate(trial.traits.exports.items()):
        made = {known.mime_type or ANY: f"{mime_type} {number}".encode()}
        trial.account.put_document(
            f"doc-{number}", made, mime_type=mime_type, drive_id=trial.drive_id
        )
    count = len(trial.traits.exports)
    assert trial.good().transferred == count
    trial.assert_right()
    assert trial.good().transferred == 0
    for node, known in zip(trial.files().values(), trial.traits.exports.values()):
        assert (trial.target(node) or "").endswith(known.extension)
    first = next(iter(trial.files().values()))
    known = trial.traits.exports[str(first.mime_type)]
    trial.account.change(first.node_id, b"", exports={known.mime_type or ANY: b"newer"})
    assert trial.good().transferred == 1
    trial.assert_right()


def documents_without_a_file(trial: Trial) -> None:
    """Documents that cannot be exported have a row, and no run fails for them."""
    kind = str(trial.traits.skips)
    trial.account.put_document("form", {}, mime_type=kind, drive_id=trial.drive_id)
    trial.put("real.txt")
    report = trial.good()
    assert (report.transferred, report.failed) == (1, 0)
    trial.assert_right()


def page_token_refused(trial: Trial) -> None:
    """A page token that is no longer good ends the listing; nothing counts as gone, and the next
    run has everything.
    """
    for number in range(8):
        trial.put(f"{number}.txt")
    trial.good()
    trial.account.remove(trial.find("7.txt").node_id)
    expire = Fault.meanwhile(trial.vendor.expire_pages)
    trial.vendor.script(trial.case.listing, Fault.latency(0), expire)
    report = trial.sync(full_refresh=True)
    assert report.exit_code != 0
    assert not all(one.complete for one in report.resources.values())
    assert trial.rows(gone=True) == []
    trial.settled()
    trial.assert_right(kept=True)
    assert len(trial.rows(gone=True)) == 1


def changes_during_a_listing(trial: Trial) -> None:
    """What comes, goes and changes while the listing is on its way is right after the next run."""
    for number in range(7):
        trial.put(f"{number}.txt")
    trial.put("Z/z.txt")  # a listing without pages has folders

    def meanwhile() -> None:
        trial.put("A/new.txt")
        trial.account.change(trial.find("0.txt").node_id, b"changed")
        trial.account.remove(trial.find("6.txt").node_id)

    trial.vendor.script(trial.case.listing, Fault.latency(0), Fault.meanwhile(meanwhile))
    trial.sync()
    trial.settled()
    trial.assert_right(kept=True)


def a_folder_out_of_reach(trial: Trial) -> None:
    """A folder that answers 403 makes the listing incomplete: the rest is there, nothing gone."""
    trial.put("A/a.txt")
    trial.put("B/b.txt")
    trial.good()
    trial.account.forbid(trial.find("B").node_id)
    trial.put("A/new.txt")
    for _ in range(2):
        report = trial.sync()
        assert not all(one.complete for one in report.resources.values())
    assert trial.rows(gone=True) == []
    assert trial.content(trial.find("A/new.txt")) == b"A/new.txt"
    trial.account.forbid(trial.find("B").node_id, forbidden=False)
    trial.good()
    trial.assert_right()


PROOFS: dict[Callable[[Trial], None], needs.Needs] = {
    whole_listing: needs.always,
    nothing_at_all: needs.always,
    page_edges: needs.always,
    hostile_names: needs.always,
    names_with_slashes: needs.duplicate_names,
    names_that_are_equal: needs.duplicate_names,
    links_have_no_bytes: needs.links,
    documents_are_exported: needs.exports,
    documents_without_a_file: needs.skips,
    page_token_refused: needs.pages,
    changes_during_a_listing: needs.always,
    a_folder_out_of_reach: needs.walk,
}
