"""Whether a vendor looks at credentials at all: one request with a token that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..config import Config
from ..errors import AnswerError, CredentialsError, VendorError
from ..http import Http
from ..http.messages import Authorization
from ..listing import Listing, full_lister
from .proven import NothingHereError

_WRONG = "filehaul-asks-whether-this-is-refused"


class Stranger:
    """Credentials as the vendor expects them, with a secret that is none."""

    def __init__(self, real: Authorization) -> None:
        self.wrong = Authorization(
            tuple((name, _without_secret(value)) for name, value in real.headers),
            tuple((name, _WRONG) for name, _ in real.query),
            _WRONG,
        )

    def current(self) -> Authorization:
        """The wrong ones."""
        return self.wrong

    def renew(self, _token: str) -> bool:
        """There are no others."""
        return False


def refuses_strangers(http: Http, config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    """The step, for `filehaul.check.conformance`; NothingHereError: why it is none."""

    def step() -> str:
        selected = (one for one in config.resources if one.selected)
        real, resource = http.authorize, next(selected, None)
        if real is None or config.client.auth is None:
            raise NothingHereError("the vendor is asked without credentials")
        if config.client.auth.type == "http_basic":
            raise NothingHereError("a wrong password could lock the account")
        if resource is None:
            raise NothingHereError("filehaul's engine lists nothing here")
        stranger = Stranger(real.current())
        http.authorize = stranger
        try:
            listing = full_lister(resource, config.client, http)
            if isinstance(listing, Listing):
                listing.begin()
                asked = listing.ask()
                assert asked is not None
                http.send(asked)
            else:
                next(iter(listing))
        except CredentialsError:
            return "a wrong one is refused with 401"
        except AnswerError as problem:
            if problem.status == 403:
                return "a wrong one is refused with 403"
            raise VendorError(
                f"a wrong one is answered with {problem.status}, which is no refusal",
                hint="a client.retry.rule with do: renew, where the vendor says it so",
            ) from None
        finally:
            http.authorize = real
        raise VendorError(
            "a wrong one is as good: the vendor does not look at it, so it says nothing",
            hint="is base_url the vendor itself, and not a cache or a proxy?",
        )

    yield "a wrong token", step


def _without_secret(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {_WRONG}" if space else _WRONG
