"""What a dlt user runs: ``python -m bench.plain dlt|filehaul|arrow URL CONCURRENCY``.

A dlt pipeline into DuckDB, in the working folder, over the REST source of dlt's own or of
filehaul's, with the same config for both. Its own process: the benchmarks measure all of it.
With ``arrow`` nothing is listed: that many records come as Arrow tables of 10,000.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any


def config(url: str, concurrency: int | None = None) -> dict[str, Any]:
    """The REST source's config; ``concurrency`` is a key of filehaul's."""
    client: dict[str, Any] = {"base_url": url}
    if concurrency is not None:
        client["limits"] = {"concurrency": concurrency}
    return {
        "client": client,
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "files",
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": 100, "total_path": "total"},
                },
            }
        ],
    }


def tables(records: int) -> Iterator[Any]:
    """The fake vendor's records, as far as their columns go."""
    import pyarrow as pa

    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for start in range(0, records, 10_000):
        numbers = range(start, min(start + 10_000, records))
        yield pa.table(
            {
                "file_id": [f"rec-{number}" for number in numbers],
                "id": [f"rec-{number}" for number in numbers],
                "file_name": [f"rec-{number}.bin" for number in numbers],
                "name": [f"rec-{number}.bin" for number in numbers],
                "path": [f"folder-{number // 100}/rec-{number}.bin" for number in numbers],
                "mime_type": ["application/octet-stream"] * len(numbers),
                "size": [0] * len(numbers),
                "created_at": [begun] * len(numbers),
                "modified_at": [begun + timedelta(seconds=number) for number in numbers],
                "sha256": [f"{number:064x}" for number in numbers],
                "etag": [f"{number:032x}" for number in numbers],
                "download_url": [f"http://127.0.0.1/{number}/content" for number in numbers],
            }
        )


def main(engine: str, url: str, concurrency: int) -> None:
    """One run."""
    import dlt

    source: Any
    if engine == "arrow":
        source = dlt.resource(
            tables(concurrency),
            name="files",
            primary_key="file_id",
            write_disposition={"disposition": "merge", "strategy": "upsert"},
        )
    elif engine == "dlt":
        from dlt.sources.rest_api import rest_api_source

        source = rest_api_source(config(url))  # type: ignore[arg-type]
    else:
        import filehaul

        source = filehaul.rest_api_source(config(url, concurrency))
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        destination=dlt.destinations.duckdb("bench.duckdb"),
        dataset_name="bench_data",
        pipelines_dir="pipelines",
    )
    pipeline.run(source)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
