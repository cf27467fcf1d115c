"""The tables of the ledger."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

CREATE TABLE listings (
    number INTEGER PRIMARY KEY,
    listing_id TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    pages INTEGER, rows INTEGER, unique_keys INTEGER,
    complete INTEGER NOT NULL DEFAULT 0,
    how TEXT, why_not TEXT, change_token TEXT,
    -- whole: it is complete and asked for every file, not only for those that have changed.
    whole INTEGER NOT NULL DEFAULT 0,
    loaded INTEGER NOT NULL DEFAULT 0, package TEXT
);

-- Tombstones that a guard withheld: those of the files that no listing from number `before` on
-- has seen. They are so many; files that come back make them fewer, and never others.
CREATE TABLE withheld (
    listing INTEGER PRIMARY KEY, resource TEXT NOT NULL,
    before INTEGER NOT NULL, files INTEGER NOT NULL
);

-- held: the rows of the listing are confirmed in the destination. meaning: what the config says
-- of the cursor. lower: below it, nothing is read again.
CREATE TABLE watermarks (
    resource TEXT NOT NULL, listing INTEGER NOT NULL,
    meaning TEXT NOT NULL, value TEXT NOT NULL, lower, held INTEGER NOT NULL,
    PRIMARY KEY (resource, listing)
) WITHOUT ROWID;
CREATE TABLE edges (
    resource TEXT NOT NULL, row_hash BLOB NOT NULL, cursor, held INTEGER NOT NULL,
    PRIMARY KEY (resource, row_hash)
) WITHOUT ROWID;

CREATE TABLE columns (
    resource TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
    PRIMARY KEY (resource, name)
) WITHOUT ROWID;

-- row_hash: the row as last seen; loaded_hash: as confirmed in the destination.
-- listing: the number of the listing that saw it last. desired: the path it wants in the sink.
-- desired is NULL where the bytes decide. unselected: why it is not to be transferred.
-- modified: its time, where times count for that.
-- deleted_at: it is a tombstone; last_row: then its row as the destination had it, as JSON.
CREATE TABLE files (
    resource TEXT NOT NULL, key TEXT NOT NULL,
    row_hash BLOB NOT NULL, loaded_hash BLOB,
    listing INTEGER NOT NULL, first_seen INTEGER NOT NULL,
    is_file INTEGER NOT NULL, file_id TEXT NOT NULL, drive_id TEXT NOT NULL,
    name TEXT, desired TEXT, size INTEGER, fingerprint TEXT NOT NULL, checksum TEXT,
    version TEXT, mime_type TEXT,
    unselected TEXT, modified INTEGER,
    deleted_at INTEGER, delete_reason TEXT, last_row BLOB,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE INDEX files_gone ON files (resource) WHERE deleted_at IS NOT NULL;

-- target, size, sha256: the bytes that the sink holds (sha256 is NULL where it holds none), also
-- where the last attempt to fetch another version failed.
CREATE TABLE transfers (
    resource TEXT NOT NULL, key TEXT NOT NULL,
    file_id TEXT NOT NULL, drive_id TEXT NOT NULL,
    status TEXT NOT NULL, fingerprint TEXT NOT NULL, version TEXT,
    sink TEXT NOT NULL, target TEXT NOT NULL, size INTEGER, sha256 BLOB, verified_by TEXT,
    attempts INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
    error TEXT, permanent INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, retry_at INTEGER,
    listing INTEGER, recorded_at INTEGER NOT NULL,
    loaded INTEGER NOT NULL DEFAULT 0, package TEXT,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE INDEX transfers_unloaded ON transfers (loaded) WHERE loaded = 0;
CREATE INDEX transfers_not_had ON transfers (recorded_at) WHERE status IN ('failed', 'parked');
CREATE INDEX transfers_held ON transfers (sink, target) WHERE sha256 IS NOT NULL;

-- Which file a path of the sink belongs to. folded: the same for paths that clash anywhere.
-- fresh: nothing was there when it was claimed, so what is there now is ours, receipt or not.
CREATE TABLE paths (
    sink TEXT NOT NULL, folded TEXT NOT NULL, path TEXT NOT NULL, desired TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL,
    fresh INTEGER NOT NULL,
    PRIMARY KEY (sink, folded)
) WITHOUT ROWID;
CREATE UNIQUE INDEX paths_of_file ON paths (sink, resource, key);

-- A name that already holds bytes is about to be replaced: settled at the next start. In layout
-- by_hash several files get one name.
CREATE TABLE intents (
    sink TEXT NOT NULL, target TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL,
    listing INTEGER NOT NULL, sha256 BLOB NOT NULL, receipt TEXT NOT NULL,
    PRIMARY KEY (sink, target, resource, key)
) WITHOUT ROWID;

-- A file's bytes are at another path now, or the file is gone: those at this one are to go.
-- trash: where to; NULL: they are removed.
CREATE TABLE leaving (
    sink TEXT NOT NULL, target TEXT NOT NULL, trash TEXT, PRIMARY KEY (sink, target)
) WITHOUT ROWID;

-- Bytes that are not verified yet and can be gone on with, also by another run. spans: which of
-- them are there, as JSON; NULL: all up to the partial's end. safe: they are on the disk.
CREATE TABLE partials (
    sink TEXT NOT NULL, name TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    validator TEXT NOT NULL, total INTEGER NOT NULL, spans TEXT,
    safe INTEGER NOT NULL, noted_at INTEGER NOT NULL,
    PRIMARY KEY (sink, name)
) WITHOUT ROWID;

-- Rows of tables that are only ever appended to; kept, for a destination that loses its tables.
CREATE TABLE notices (
    number INTEGER PRIMARY KEY, table_name TEXT NOT NULL, row TEXT NOT NULL,
    loaded INTEGER NOT NULL DEFAULT 0, package TEXT
);
CREATE INDEX notices_unloaded ON notices (loaded) WHERE loaded = 0;

-- Rows as the destination had them when this ledger was rebuilt from it. key is empty where rows
-- are appended: then the table has them for good.
CREATE TABLE rebuilt_rows (
    resource TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (resource, key, digest)
) WITHOUT ROWID;

CREATE TABLE packages (
    load_id TEXT PRIMARY KEY, target TEXT NOT NULL, listings TEXT NOT NULL,
    state TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
"""
# Rows that must not outlive the run: SQLite keeps them in a file without a name.
TEMPORARY = """
CREATE TEMP TABLE addresses (
    resource TEXT NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
"""
