"""Proofs about the second run: what has changed is found, what has not is left alone."""

from __future__ import annotations

from collections.abc import Callable

from filehaul.testing.conformance import needs
from filehaul.testing.conformance.trial import Trial


def _three_files(trial: Trial) -> None:
    for name in ("A/one.txt", "A/two.txt", "B/three.txt"):
        trial.put(name)
    trial.good()
    trial.assert_right()


def other_bytes(trial: Trial) -> None:
    """A file whose bytes changed is fetched, and no other."""
    _three_files(trial)
    trial.account.change(trial.find("A/one.txt").node_id, b"other bytes than before")
    assert trial.good().transferred == 1
    assert trial.vendor.count(trial.case.content) >= 1
    trial.assert_right()


def a_new_file_in_an_old_folder(trial: Trial) -> None:
    """A file with a date of long ago, in a folder that did not change, is found."""
    _three_files(trial)
    old = trial.find("A/one.txt").modified_at
    trial.put("A/late.txt", modified_at=old)
    assert trial.good().transferred == 1
    trial.assert_right()


def a_renamed_file(trial: Trial) -> None:
    """A file of another name moves in the sink; its bytes are not fetched."""
    _three_files(trial)
    trial.account.rename(trial.find("A/one.txt").node_id, "uno.txt")
    assert trial.good().transferred == 0
    trial.assert_right()
    assert trial.rows(gone=True) == []


def a_moved_file(trial: Trial) -> None:
    """A file in another folder moves in the sink; its bytes are not fetched."""
    _three_files(trial)
    trial.account.move(trial.find("A/one.txt").node_id, trial.find("B").node_id)
    assert trial.good().transferred == 0
    trial.assert_right()
    assert trial.rows(gone=True) == []


def a_renamed_path(trial: Trial) -> None:
    """Where an id is a path, a file of another name is another file, and the old one is gone."""
    _three_files(trial)
    trial.account.rename(trial.find("A/one.txt").node_id, "uno.txt")
    trial.good()
    trial.settled()
    trial.assert_right(kept=True)
    assert len([row for row in trial.rows(gone=True) if row["kind"] != "folder"]) == 1


def a_removed_file(trial: Trial) -> None:
    """A file that is gone becomes a tombstone that keeps its columns; the others are untouched."""
    _three_files(trial)
    file = trial.find("A/one.txt")
    before = trial.row(file)
    trial.account.remove(file.node_id)
    trial.settled()
    gone = trial.rows(gone=True)
    assert [row["file_id"] for row in gone] == [before["file_id"]]
    assert gone[0]["file_name"] == "one.txt"
    assert gone[0]["delete_reason"] in ("removed", "trashed", "not_listed")
    trial.assert_right(kept=True)


def trash_and_back(trial: Trial) -> None:
    """A file in the trash is gone, and back it is there, with its old dates and bytes."""
    _three_files(trial)
    file = trial.find("A/one.txt")
    trial.account.trash(file.node_id)
    trial.settled()
    assert [row["file_name"] for row in trial.rows(gone=True)] == ["one.txt"]
    trial.good(full_refresh=True)
    assert [row["file_name"] for row in trial.rows(gone=True)] == ["one.txt"]
    trial.account.restore(file.node_id)
    trial.good()
    assert trial.rows(gone=True) == []
    trial.assert_right()


def a_renamed_folder(trial: Trial) -> None:
    """Rows and bytes of all that is below it follow, without a byte being fetched."""
    trial.put("top/mid/a.txt")
    trial.put("top/b.txt")
    trial.put("else/c.txt")
    trial.good()
    trial.account.rename(trial.find("top").node_id, "TOP 2")
    assert trial.good().transferred == 0
    trial.assert_right()
    trial.put("TOP 2/mid/new.txt")
    assert trial.good().transferred == 1
    trial.assert_right()


def a_moved_folder(trial: Trial) -> None:
    """Likewise where it is in another folder by now; and twice in a row."""
    trial.put("top/mid/a.txt")
    trial.put("else/c.txt")
    trial.good()
    trial.account.move(trial.find("top").node_id, trial.find("else").node_id)
    trial.account.rename(trial.find("else/top/mid").node_id, "middle")
    assert trial.good().transferred == 0
    trial.assert_right()


def a_removed_folder(trial: Trial) -> None:
    """All that is below it is gone with it, also where the vendor names the folder alone."""
    trial.put("top/mid/a.txt")
    trial.put("top/b.txt")
    trial.put("else/c.txt")
    trial.good()
    trial.account.remove(trial.find("top").node_id)
    trial.good()
    trial.settled()
    names = {row["file_name"] for row in trial.rows(gone=True) if row["kind"] != "folder"}
    assert names == {"a.txt", "b.txt"}
    trial.assert_right(kept=True)


def a_folder_in_the_trash(trial: Trial) -> None:
    """What is below it goes and comes with it."""
    trial.put("top/mid/a.txt")
    trial.put("else/c.txt")
    trial.good()
    top = trial.find("top").node_id
    trial.account.trash(top)
    trial.good()
    trial.settled()
    gone = [row["file_name"] for row in trial.rows(gone=True) if row["kind"] != "folder"]
    assert gone == ["a.txt"]
    trial.account.restore(top)
    trial.good()
    trial.assert_right()


def only_changes_are_asked_for(trial: Trial) -> None:
    """With a feed, the second run asks it alone; the third one goes on where that ended."""
    _three_files(trial)
    case = trial.case
    trial.put("A/four.txt")
    trial.good()
    if case.feed != case.listing:
        assert trial.vendor.count(case.listing) == 0
    assert trial.vendor.count(str(case.feed)) >= 1
    trial.assert_right()
    report = trial.good()
    assert (report.listed, report.transferred) == (0, 0)


def many_changes(trial: Trial) -> None:
    """A feed of several pages is read to its end."""
    _three_files(trial)
    for number in range(10):
        trial.put(f"C/{number}.txt")
    trial.account.remove(trial.find("A/one.txt").node_id)
    trial.account.change(trial.find("C/3.txt").node_id, b"again")
    assert trial.good().transferred == 10
    trial.assert_right(kept=True)


def changes_told_twice(trial: Trial) -> None:
    """Of what a feed repeats, or tells in another order, the last word counts."""
    _three_files(trial)
    file = trial.find("A/one.txt")
    trial.account.change(file.node_id, b"second")
    trial.account.trash(file.node_id)
    trial.account.restore(file.node_id)
    trial.account.rename(file.node_id, "uno.txt")
    for change in list(trial.account.journal):
        trial.account.tell(change)
    trial.good()
    trial.good()
    assert trial.rows(gone=True) == []
    trial.assert_right()


def an_expired_change_token(trial: Trial) -> None:
    """A change token that is no longer good means a full listing: nothing is lost, what went in
    between is gone, and the next run goes by the feed again.
    """
    _three_files(trial)
    trial.put("B/new.txt")
    trial.account.remove(trial.find("A/one.txt").node_id)
    trial.vendor.expire_changes()
    report = trial.good()
    assert report.listed == 3
    assert trial.vendor.count(trial.case.listing) >= 1
    assert [row["file_name"] for row in trial.rows(gone=True)] == ["one.txt"]
    trial.assert_right(kept=True)
    assert trial.good().listed == 0


PROOFS: dict[Callable[[Trial], None], needs.Needs] = {
    other_bytes: needs.always,
    a_new_file_in_an_old_folder: needs.always,
    a_renamed_file: needs.stable_ids,
    a_moved_file: needs.stable_ids,
    a_renamed_path: lambda case: None if needs.stable_ids(case) else "ids stay at this vendor",
    a_removed_file: needs.always,
    trash_and_back: needs.trash,
    a_renamed_folder: needs.paths_of_ids,
    a_moved_folder: needs.paths_of_ids,
    a_removed_folder: needs.always,
    a_folder_in_the_trash: needs.trash,
    only_changes_are_asked_for: needs.feed,
    many_changes: needs.feed,
    changes_told_twice: needs.repeated_changes,
    an_expired_change_token: needs.feed,
}
