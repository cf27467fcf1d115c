"""What a dlt user runs: ``python -m bench.plain dlt|filehaul URL CONCURRENCY``.

A dlt pipeline into DuckDB, in the working folder, over the REST source of dlt's own or of
filehaul's, with the same config for both. Its own process: the benchmarks measure all of it.
"""

from __future__ import annotations

import sys
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


def main(engine: str, url: str, concurrency: int) -> None:
    """One run."""
    import dlt

    source: Any
    if engine == "dlt":
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
