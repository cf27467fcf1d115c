"""PostgreSQL, as Debian builds it, with its data in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .installs import from_debian, libraries
from .running import running

_LIB = "lib/postgresql"


@dataclass(frozen=True)
class Postgres:
    """A running server. ``url``: of its first database, for a user who may do everything."""

    url: str

    def database(self, name: str) -> str:
        """The address of a new database."""
        import psycopg2

        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{name}"')
        finally:
            connection.close()
        return self.url.rpartition("/")[0] + "/" + name


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of its own. It refuses to run as root: then it runs as another user."""
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="filehaul-postgres-"))
    try:
        programs, environment = _programs(folder)
        os.chown(folder, user or -1, -1)
        data = folder / "data"
        make = [programs / "initdb", "-D", data, "-U", "loader", "-A", "trust", "-E", "UTF8"]
        done = subprocess.run(
            [*map(str, make), "--locale=C.UTF-8", "--no-sync"],
            capture_output=True,
            text=True,
            user=user,
            cwd=folder,
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with running(
            "postgres",
            folder,
            1,
            lambda ports: [
                str(programs / "postgres"),
                *("-D", str(data), "-h", "127.0.0.1", f"-p{ports[0]}"),
                *("-c", "fsync=off", "-c", "full_page_writes=off", "-k", str(folder)),
            ],
            _url,
            environment,
            user,
        ) as ports:
            yield Postgres(_url(ports))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _url(ports: list[int]) -> str:
    return f"postgresql://loader:loader-password@127.0.0.1:{ports[0]}/postgres"


def _user() -> int | None:
    """Whom the server runs as; None: whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


def _programs(folder: Path) -> tuple[Path, dict[str, str]]:
    """The folder of the server's programs, and the environment that they need."""
    here = sorted(Path("/usr", _LIB).glob("*/bin/postgres"))
    if here:
        return here[-1].parent, {}
    unpacked = from_debian("postgresql")
    # Another user may not see into the checkout.
    shutil.copytree(unpacked / "usr", folder / "usr", symlinks=True)
    folder.chmod(0o755)
    return sorted((folder / "usr" / _LIB).glob("*/bin"))[-1], libraries(folder)
