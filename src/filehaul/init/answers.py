"""The config that four answers make."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import UsageError


@dataclass(frozen=True)
class Answers:
    """What `init` asks: four questions at most."""

    base_url: str
    path: str = "/v1/files"
    auth: str = "oauth2"
    sink: str = "./files"


_AUTH = {
    "oauth2": """\
  auth:
    type: oauth2                       # client credentials (RFC 6749 4.4)
    client_id: "${{CLIENT_ID}}"          # ${{NAME}} is read from the environment when a run starts
    client_secret: "${{CLIENT_SECRET}}"
    token_url: {origin}/oauth/token
    # token_endpoint_auth_method: client_secret_basic
    # scope: files.read
""",
    "bearer": """\
  auth: {{type: bearer, token: "${{TOKEN}}"}}
""",
    "api_key": """\
  auth: {{type: api_key, name: X-Api-Key, api_key: "${{API_KEY}}", location: header}}
""",
    "http_basic": """\
  auth: {{type: http_basic, username: "${{USERNAME}}", password: "${{PASSWORD}}"}}
""",
    "none": "",
}
AUTHS = tuple(_AUTH)

_CONFIG = """\
# filehaul check {name}.yaml   looks at each step, changes nothing
# filehaul sync {name}.yaml    the catalogue and the copy; again at any time
name: {name}

client:
  base_url: {base_url}
{auth}  # limits: {{requests_per_second: 10, concurrency: 8}}
  # retry: {{statuses: [429, 500, 502, 503, 504], max_retries: 3, backoff_factor: 2}}

resource_defaults:
  primary_key: file_id                 # the column that identifies a file
  write_disposition: merge

resources:
  - name: files                        # also the table's name
    endpoint:
      path: {path}
      data_selector: files             # the array of records in the answer
      paginator: {{type: offset, limit: 100}}
    fields:                            # column: path in the vendor's record
      file_id: id
      file_name: name
      path: path
      size: size
      modified_at: modified_at
      checksum: {{sha256: sha256}}
{content}
{sink}destination: duckdb                     # writes {name}.duckdb here, dataset {name}_data
"""
_CONTENT = """\
    content:
      path: {path}/{{file_id}}/content
      layout: by_path                  # or by_id, by_hash, a template
      verify: auto                     # the strongest that the record offers
"""


def config_text(name: str, answers: Answers) -> str:
    """A config, ready to be edited: every line that is a guess can be seen to be one."""
    base = answers.base_url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{answers.base_url!r} is not an address",
            where="base_url",
            hint="https://api.example.com",
        )
    auth = "".join(f"{line}\n" for line in auth_lines(answers.auth, base))
    path = "/" + answers.path.strip("/")
    return _CONFIG.format(
        name=name,
        base_url=base,
        auth=auth,
        path=path,
        content=_CONTENT.format(path=path) if answers.sink else "",
        sink=f"sink: {answers.sink}\n" if answers.sink else "",
    )


def auth_lines(auth: str, base_url: str) -> list[str]:
    """The lines of ``client.auth``, with variables for all that is secret. Raises UsageError."""
    if auth not in _AUTH:
        raise UsageError(
            f"no sign-in named {auth!r}", where="auth", hint="one of " + ", ".join(AUTHS)
        )
    parts = urlsplit(base_url)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else base_url
    return _AUTH[auth].format(origin=origin).splitlines()
