"""The verbs, their options and their help."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .starting import init
from .talk import (
    Progress,
    conclude,
    conclude_verification,
    out,
    out_json,
    say,
    told,
    waiting,
)

app = typer.Typer(
    name="filehaul",
    help="Every file behind any file-storage API: a catalogue in your warehouse, "
    "a verified copy in your bucket, from one config.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ConfigPath = Annotated[Path, typer.Argument(help="the config, a YAML file", metavar="CONFIG")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")]


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        out(f"filehaul {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="the version")
    ] = False,
) -> None:
    """Read by typer."""


app.command()(init)


@app.command()
def check(
    config: ConfigPath,
    conformance: Annotated[
        bool,
        typer.Option(
            "--conformance", help="hold the vendor to the config: pages, keys, bytes, credentials"
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at each step of a run, and change nothing."""
    from ..check import check as look
    from .checked import prove, show

    with told(as_json):
        if conformance:
            prove(config, as_json)
            return
        worst = None
        for finding in look(config, waiting(as_json)):
            worst = worst or finding.error
            if as_json:
                out_json(finding.as_dict())
            else:
                show(finding)
        if worst is not None:
            raise typer.Exit(worst.exit_code)


@app.command()
def ls(
    config: ConfigPath,
    resource: Annotated[str | None, typer.Option(help="only this resource")] = None,
    as_json: Json = False,
) -> None:
    """List the vendor's files; nothing is kept."""
    from ..look import files

    with told(as_json):
        for file in files(config, resource, waiting(as_json)):
            if as_json:
                row = {**file._asdict(), "checksum": dict(file.checksum)}
                row.pop("key")
                out_json(row)
            else:
                size = "-" if file.size is None else f"{file.size}"
                out(f"{size:>14}  {file.path or file.name or file.file_id}")


@app.command()
def plan(config: ConfigPath, as_json: Json = False) -> None:
    """What a sync would do now, and why. Lists the vendor, moves nothing."""
    from ..look import plan as look

    with told(as_json):
        count = 0
        for action in look(config, waiting(as_json)):
            count += 1
            if as_json:
                out_json(asdict(action))
            else:
                size = "-" if action.size is None else f"{action.size}"
                name = action.target or action.file_id
                out(f"{action.action:10} {size:>14}  {name}  ({action.reason})")
        say(f"{count:,} thing(s) to do" if count else "nothing to do")


@app.command()
def sync(
    config: ConfigPath,
    dev_mode: Annotated[
        bool, typer.Option("--dev-mode", help="load into a new dataset, as dlt's dev_mode")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="ask again for parked files, whatever their day")
    ] = False,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="list everything again, whatever the sync type")
    ] = False,
    accept_deletes: Annotated[
        str | None,
        typer.Option(
            "--accept-deletes", metavar="LISTING_ID", help="let go what the guard withheld after it"
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="ID|GLOB", help="fetch these files alone; may be given more than once"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """The catalogue into the destination, the bytes into the sink. Run it again at any time."""
    from ..config import load_config
    from ..spine import run

    with told(as_json):
        loaded = load_config(config)
        with Progress(as_json) as progress:
            report = run(
                loaded,
                watch=progress.watch,
                dev_mode=dev_mode,
                retry_failed=retry_failed,
                full_refresh=full_refresh,
                accept_deletes=accept_deletes,
                only=only or (),
            )
        conclude(report, as_json)


@app.command()
def verify(
    config: ConfigPath,
    repair: Annotated[
        bool, typer.Option("--repair", help="fetch what is missing or different, nothing else")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="compare names and sizes only; read no bytes")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read the sink again: is every file there, with the bytes that came? Nothing is removed."""
    from ..config import load_config
    from ..verification import run

    with told(as_json):
        loaded = load_config(config)
        with Progress(as_json) as progress:
            found = run(loaded, repair=repair, quick=quick, watch=progress.watch)
        conclude_verification(found, as_json)


@app.command()
def status(config: ConfigPath, as_json: Json = False) -> None:
    """Where a connection stands: places, last listings, receipts, files that failed."""
    from ..status import status as look

    with told(as_json):
        found = look(config)
        if as_json:
            out_json({"event": "status", **found})
            return
        for place, value in found["places"].items():
            out(f"{place:12} {value or 'none'}")
        if found["login"]:
            out(f"signed in    {found['login']['line']}")
        for name, one in found["resources"].items():
            out(f"resource     {name}: {one['sync_type']}, deletes {one['deletes']}")
        for one in found["withheld"]:
            again = f"--accept-deletes {one['listing_id']}"
            out(f"withheld     {one['resource']}: {one['files']:,} deletes; {again}")
        for one in found["listings"]:
            ended = one["finished_at"] or "never ended"
            whole = "complete" if one["complete"] else f"incomplete: {one['why_not'] or 'stopped'}"
            out(f"listing      {one['resource']}: {one['rows'] or 0} rows, {ended}, {whole}")
        for name, totals in found["files"].items():
            out(f"{name:12} {totals['files']:,} files, {totals['bytes']:,} bytes")
        for one in found["failed"]:
            again = f"; again after {one['retry_at']}" if one["retry_at"] else ""
            what = f"{one['file_id']} {one['target']}, {one['failed_at']}: {one['error']}"
            out(f"{one['status']:12} {what}{again}")


@app.command()
def vendors(
    name: Annotated[
        str | None,
        typer.Argument(
            help="a preset, or the path of one of your own: all of it", metavar="[NAME]"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """The vendors that there are presets for; of one, all that is known, as a page of Markdown."""
    from ..presets import described, every, table

    with told(as_json):
        found = every() if name is None else [described(name)]
        if as_json:
            for one in found:
                out_json(one.as_dict())
        elif name is not None:
            out(found[0].page())
        else:
            for line in table(found):
                out(line)
            say("next: filehaul vendors NAME tells how to get credentials, and what to write")


@app.command()
def login(
    config: ConfigPath,
    device: Annotated[
        bool, typer.Option("--device", help="with a code that is entered on any machine")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="show the address, open nothing")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="seconds to wait for the browser")
    ] = 300.0,
    remove: Annotated[bool, typer.Option("--remove", help="sign out: forget the tokens")] = False,
    as_json: Json = False,
) -> None:
    """Sign in with a browser or another device; runs renew the sign-in by themselves."""
    from .login import leave, sign_in

    with told(as_json):
        if remove:
            leave(config, as_json)
        else:
            sign_in(config, device, not no_browser, timeout, as_json)


@app.command()
def schema() -> None:
    """The JSON Schema of a config, for editors."""
    import orjson

    from ..config import schema as make

    out(orjson.dumps(make(), option=orjson.OPT_INDENT_2).decode())


@app.command()
def demo(
    serve: Annotated[
        Path | None, typer.Option(help="the folder to serve; default: Python's standard library")
    ] = None,
    folder: Annotated[Path, typer.Option(help="where the demo works")] = Path("filehaul-demo"),
    as_json: Json = False,
) -> None:
    """A vendor on this machine, two syncs, and a look at the tables: nothing leaves it."""
    from .demo import demo as show

    with told(as_json):
        code = show(folder, serve, as_json)
        if code:
            raise typer.Exit(code)
