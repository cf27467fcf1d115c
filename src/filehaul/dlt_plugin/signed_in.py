"""Our sign-ins for the resources of a config that dlt's engine lists.

dlt knows client credentials and no token store. So it gets an auth object that asks ours: one
token for both engines, renewed by one process at a time.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from requests import PreparedRequest, Response

from ..config import Config
from ..config.sign_in import OAuth2Auth, TokenRequest
from ..connect import connect


def is_ours(config: Config) -> bool:
    """Whether the config's sign-in is one that dlt itself, with the dialect, has not."""
    block = config.client.auth
    if isinstance(block, OAuth2Auth):
        return block.key is not None
    return isinstance(block, TokenRequest)


class SignedIn(AuthConfigBase):
    """The credentials of a config, for requests to its own hosts; renewed once on 401."""

    def __init__(self, config: Config) -> None:
        self.__is_resolved__ = True  # there is nothing for dlt to look up
        self._http = connect(config)
        self._lock = threading.Lock()  # dlt may list in threads, and ours is for one

    def __deepcopy__(self, _memo: Any) -> SignedIn:
        return self

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._trusts(request.url):
            token = self._sign(request)
            request.register_hook("response", partial(self._answered, token))
        return request

    def _trusts(self, url: str | None) -> bool:
        try:
            return url is not None and self._http.origins.trusts(url)
        except ValueError:
            return False

    def _sign(self, request: PreparedRequest) -> str:
        assert self._http.authorize is not None
        with self._lock:
            authorization = self._http.authorize.current()
        request.headers.update(authorization.headers)
        return authorization.token

    def _answered(self, token: str, response: Response, **settings: Any) -> Response:
        """The answer; of a 401 the one that another token gets. requests calls this for each."""
        if response.status_code != 401 or not self._trusts(response.request.url):
            return response
        assert self._http.authorize is not None
        with self._lock:
            renewed = self._http.authorize.renew(token)
        if not renewed:
            return response
        response.close()
        again = response.request.copy()
        again.hooks = {"response": []}
        self._sign(again)
        answer: Response = response.connection.send(again, **settings)
        answer.history.append(response)
        answer.request = again
        return answer
