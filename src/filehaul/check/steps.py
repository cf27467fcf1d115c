"""The steps of a check, in the order in which a run would take them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..config import Config, DltResource, Endpoint, load_config
from ..connect import connect
from ..errors import FilehaulError
from ..guess import proposal, selector
from ..http import Http, Wait
from ..json_text import loads
from ..listing import request
from ..load import examined
from ..pagination import Ask
from ..redact import redact
from ..signing_in.standing import standing
from ..sink import Bucket, sink_of
from .finding import Finding, failed
from .one_page import one_page


def check(
    config: Config | Mapping[str, Any] | str | Path,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[Finding]:
    """Findings in the order in which a run would meet them; the first that is not well ends it.

    Nothing is written: no ledger, no sink, no destination. ``waiting`` is told of long pauses.
    """
    try:
        loaded = load_config(config)
    except FilehaulError as problem:
        yield failed("config", problem)
        return
    yield Finding(
        "config",
        f"{loaded.source}: {len(loaded.resources)} resource(s) of filehaul's"
        f" engine, {len(loaded.dlt_resources)} of dlt's",
    )
    if loaded.preset is not None:
        title = loaded.preset.head.title or "it has no title"
        yield Finding("vendor", f"{loaded.preset.called}: {title}")
    found = ", ".join(f"{place}: {reference}" for place, reference in loaded.found)
    yield Finding("settings", found or "nothing is taken from the environment or dlt's providers")
    yield Finding("places", _places(loaded))
    for one in loaded.dlt_resources:
        yield Finding("engine", f"{one.name}: dlt's engine, because {one.reason}")
    for resource in loaded.resources:
        yield Finding("sync type", f"{resource.name}: {resource.sync}, deletes {resource.gone}")
    try:
        yield Finding("destination", examined(loaded))
    except FilehaulError as problem:
        yield failed("destination", problem)
        return
    sink = sink_of(loaded)
    if isinstance(sink, Bucket):
        try:
            yield Finding("sink", sink.examine())
        except FilehaulError as problem:
            yield failed("sink", problem)
            return
    with connect(loaded, waiting=waiting) as http:
        steps = [_token(http, loaded)]
        listed = [resource for resource in loaded.resources if resource.selected]
        steps += [one_page(http, loaded, resource) for resource in listed]
        steps += [_proposal(http, loaded, one) for one in loaded.dlt_resources if one.is_guessed]
        for finding in itertools.chain(*steps):
            yield finding
            if finding.error is not None:
                return


def _places(config: Config) -> str:
    from ..own_ledger import state_path

    return f"ledger {state_path(config)}; sink {config.sink or 'none'}; dataset {config.dataset}"


def _token(http: Http, config: Config) -> Iterator[Finding]:
    block = config.client.auth
    if http.authorize is None or block is None:
        yield Finding("credentials", "none: the vendor is asked without credentials")
        return
    try:
        http.authorize.current()
    except FilehaulError as problem:
        yield failed("credentials", problem)
        return
    got = "a token was obtained" if block.type.startswith("oauth2") else "taken from the config"
    signed_in = standing(config)
    if signed_in is not None and signed_in.account is not None:
        got += f" for {redact(signed_in.account)}"
    yield Finding("credentials", f"{block.type}: {got}")


def _proposal(http: Http, config: Config, one: DltResource) -> Iterator[Finding]:
    """The paginator that the first answer looks like, where the config names none or `auto`."""
    what = f"paginator {one.name}"
    try:
        given = {
            key: one.block["endpoint"].get(key) for key in ("path", "method", "params", "json")
        }
        endpoint = Endpoint(**{key: value for key, value in given.items() if value is not None})
        response = http.send(request(config.client, endpoint, Ask(), None, None))
        answer = loads(response.body, response.headers.get("content-type", ""))
    except FilehaulError as problem:
        yield failed(what, problem)
        return
    except (ValueError, KeyError):
        yield Finding(what, "nothing to propose: the first answer is not JSON")
        return
    block = ", ".join(
        f"{key}: {'null' if value is None else value}"
        for key, value in proposal(answer, response.headers).items()
    )
    yield Finding(
        what,
        f"proposed, from the first answer: data_selector: {selector(answer) or 'none found'};"
        f" paginator: {{{block}}}; compare it with the vendor's documentation",
    )
