"""Secrets stay home: what `redact` knows, and a canary through everything that `http` says."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import time
import traceback
from itertools import chain
from urllib.parse import parse_qs, quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_server import BareServer, Kept, answer, redirect
from clock import FakeClock
from filehaul import redact as room
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import FilehaulError
from filehaul.http import Request
from filehaul.redact import conceal, conceal_if_secret, excerpt, is_secret, redact


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """Each test begins with no secret, and leaves none."""
    monkeypatch.setattr(room, "_lasting", {})
    monkeypatch.setattr(room, "_passing", type(room._passing)())
    monkeypatch.setattr(room, "_pattern", None)


# -- what is known -------------------------------------------------------------------------------

ODD = "p%41:&=+ /\"\\é<'"


@pytest.mark.parametrize(
    "spell",
    [
        str,
        quote,
        quote_plus,
        lambda secret: quote(secret, safe=""),
        lambda secret: re.sub("%..", lambda match: match[0].lower(), quote(secret, safe="")),
        json.dumps,
        lambda secret: json.dumps(secret, ensure_ascii=False),
        html.escape,
    ],
)
def test_a_secret_in_every_spelling(spell):
    """A known secret goes, as it is and as URLs, JSON and HTML write it."""
    conceal(ODD)
    text = f"before {spell(ODD)} after"
    assert redact(text).replace('"', "") == "before *** after"


@given(secret=st.text(st.characters(codec="utf-8"), min_size=4, max_size=40), around=st.text())
def test_whatever_the_secret_is(secret, around):
    """No secret of four characters or more is left in any text."""
    conceal(secret)
    if len(secret.strip()) >= 4:
        assert secret not in redact(f"{around}{secret}{around}")


def test_the_longer_of_two_secrets():
    """A secret that begins with another goes as a whole."""
    conceal("alpha")
    conceal("alpha-beta")
    assert redact("alpha-beta alpha") == "*** ***"


def test_short_secrets_are_left():
    """Three letters would blank half of every text."""
    conceal("abc")
    assert redact("abcdef") == "abcdef"


def test_tokens_pass_and_secrets_stay():
    """Ever new tokens push out the oldest tokens, and never the client's secret."""
    conceal("the-client-secret")
    for number in range(300):
        conceal(f"passing-token-{number}", passing=True)
    assert redact("the-client-secret passing-token-299") == "*** ***"
    assert len(room._passing) <= 128
    assert "passing-token-5 " in redact("passing-token-5 ")


def test_which_values_are_secrets():
    """By its name or its looks; what everybody may read is left readable."""
    conceal_if_secret("X-Api-Key", "short1")
    conceal_if_secret("X-Whatever", "0123456789abcdefghij")
    conceal_if_secret("X-Version", "2025-01")
    conceal_if_secret("X-Comment", "a long comment with spaces in it")
    text = "short1 0123456789abcdefghij 2025-01 a long comment with spaces in it"
    assert redact(text) == "*** *** 2025-01 a long comment with spaces in it"


# -- what is not known ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("sig", "se", "tempauth", "token", "key", "code", "access_token", "refresh_token"),
        *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "x-amz-date"),
        *("X-Goog-Signature", "X-Goog-Credential", "GoogleAccessId", "Signature", "Key-Pair-Id"),
        *("AWSAccessKeyId", "api_key", "apikey", "api-key", "client_secret", "password", "jwt"),
        *("auth", "hmac", "Policy", "downloadToken", "upload.token", "oauth_signature"),
    ],
)
def test_signed_urls(name):
    """The value of every parameter that signs or opens something goes; its neighbours stay."""
    url = f"https://host/path?id=7&{name}=s3cr3t%2Fvalue&after=8#part"
    assert redact(url) == f"https://host/path?id=7&{name}=***&after=8#part"
    assert is_secret(url)
    for and_ in ("&amp;", "\\u0026"):
        text = url.replace("&", and_)
        assert redact(text) == f"https://host/path?id=7{and_}{name}=***{and_}after=8#part"
    inner = quote(url, safe="")
    assert "s3cr3t" not in redact(f"https://login/?next={inner}&x=1")
    assert redact(f"https://h/?{name}=s3cr3t") == f"https://h/?{name}=***"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("got 'Basic dXNlcjpwYXNz'", "got 'Basic ***'"),
        ("Zoho-oauthtoken 1000.abcdef", "Zoho-oauthtoken ***"),
        ("X-Api-Key: abcd, Accept: x", "X-Api-Key: ***, Accept: x"),
        ("Set-Cookie: sid=abcd; Path=/", "Set-Cookie: ***; Path=/"),
        ('{"access_token": "a b", "x": 1}', '{"access_token": "***", "x": 1}'),
        ("{'client_secret': 'ab'}", "{'client_secret': '***'}"),
        (r'"{\"refresh_token\":\"ab\"}"', r'"{\"refresh_token\":\"***\"}"'),
        (r'{"password": "a\"b\'c", "x": 1}', r'{"password": "***", "x": 1}'),
        ("client_secret=ab&grant_type=x", "client_secret=***&grant_type=x"),
        ("https://user:pa55@host/x", "https://***@host/x"),
        ("socks5h://user:pa55@host:1080", "socks5h://***@host:1080"),
    ],
)
def test_headers_json_forms_and_passwords(text, left):
    """Credentials where headers, JSON, forms and URLs have them."""
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication is required",
        "The bearer authentication failed; token expired, please log in.",
        "invalid key: name",
        '{"error": {"code": 5, "message": "quota"}}',
        "https://host/files?limit=100&offset=5&keyword=x&monkey=1",
        "HTTP 403: user@example.com may not read /a/b",
        "see https://docs.example.com/auth/keys#tokens",
    ],
)
def test_words_of_the_vendor_stay(text):
    """What is no secret is left as the vendor said it."""
    assert redact(text) == text
    assert not is_secret(text)


# -- excerpts ------------------------------------------------------------------------------------


def test_an_excerpt_is_one_printable_line():
    """Line breaks, control characters and bytes that are no text do not reach a terminal."""
    body = b"  two\r\n lines \x1b[31mred\x00 \xff\xfe caf\xc3\xa9 "
    assert excerpt(body) == "two lines [31mred \ufffd\ufffd café"
    assert excerpt(b"x" * 1000, 10) == "x" * 10 + "…"
    assert excerpt(b"") == ""


@pytest.mark.parametrize("at", range(0, 700, 7))
def test_no_half_of_a_secret(at):
    """Wherever the cut falls, no piece of a secret is left before it."""
    secret = "0123456789" * 20
    conceal(secret)
    for space in (b" ", b"x"):
        text = excerpt(space * at + secret.encode() + b" tail", 300)
        assert "0123" not in text
    far = b" " * (64 * 1024 - at) + secret.encode()
    assert "0123" not in excerpt(far)


@pytest.mark.parametrize(
    "hostile",
    ["?", "&token", "%26", "token", "\\", '"', "bearer ", "x-", "bearer a.", "http://", ":", "a"],
)
def test_hostile_bodies_take_no_time(hostile):
    """No text of a vendor's makes the patterns run away."""
    begun = time.monotonic()
    excerpt((hostile * 65536)[:65536].encode())
    assert time.monotonic() - begun < 10


# -- the canary ----------------------------------------------------------------------------------

CANARIES = {
    "client_secret": "cnry-client/secret+1",
    "token": "cnry-access-token-2",
    "api_key": "cnry-api-key-3",
    "password": "cnry-password-4",
    "header": "cnry-configured-header-5",
    "param": "cnry-signature-6",
}
SIGNED = "/signed?sig={0}&tempauth={0}&X-Amz-Signature={0}&X-Goog-Signature={0}&token={0}&key={0}"


def _blocks(url):
    yield {
        "type": "oauth2",
        "client_id": "id",
        "client_secret": CANARIES["client_secret"],
        "token_url": url + "/token",
    }
    yield {
        "type": "oauth2",
        "client_id": "id",
        "client_secret": CANARIES["client_secret"],
        "token_url": url + "/token",
        "token_endpoint_auth_method": "client_secret_basic",
        "extra": {"assertion_password": CANARIES["password"]},
    }
    yield {"type": "bearer", "token": CANARIES["token"]}
    for location in ("header", "query", "cookie"):
        key = CANARIES["api_key"]
        yield {"type": "api_key", "name": "thing", "api_key": key, "location": location}
    yield {"type": "http_basic", "username": "me", "password": CANARIES["password"]}


def _echoing(asked):
    """A server that says back all it was told, in every kind of refusal."""
    told = [*asked.headers.values(), *chain(*parse_qs(asked.body.decode()).values())]
    told += chain(*parse_qs(asked.target.partition("?")[2]).values())
    # The bare words as well, where only knowing them helps; what the vendor signs nobody knows.
    words = {value.split("=", 1)[-1].split(" ")[-1] for value in told}
    bare = sorted(words - {CANARIES["param"]})
    echo = f"I was told {', '.join(bare)}. {asked.text}".encode()
    signed = SIGNED.format(CANARIES["param"])
    path = asked.target.split("?")[0]
    if path == "/token":
        return answer(json.dumps({"access_token": CANARIES["token"], "echo": "x"}).encode())
    if path == "/token-refused":
        return answer(json.dumps({"error": "x", "error_description": echo.decode()}).encode())
    if path == "/redirect":
        return redirect(signed)
    if path == "/redirect-loop":
        return redirect(f"/redirect-loop?sig={CANARIES['param']}")
    if path == "/redirect-away":
        return redirect(f"ftp://host{signed}")
    if path == "/short":
        asked.wire.sendall(answer(b"", "Content-Length: 5000", length=False) + echo)
        return None
    if path == "/pause":
        return answer(echo, "Retry-After: 99999", status="429 Slow")
    if path == "/fine":
        return answer(b"fine")
    if path == "/large":
        return answer(b"x" * 100)
    status = {"/401": "401 No", "/403": "403 No", "/503": "503 No"}.get(path, "404 No")
    body = echo + json.dumps({"echo": asked.text, "url": f"https://blob{signed}"}).encode()
    return answer(body, f"X-Echo: {signed}", status=status)


PATHS = (
    *("/401", "/403", "/503", "/redirect", "/redirect-away", "/large", "/token-refused"),
    *(f"/short?sig={CANARIES['param']}", f"/redirect-loop?sig={CANARIES['param']}"),
    *(SIGNED.format(CANARIES["param"]), "/pause"),
)


def _all_text(http, request):
    """Everything that asking this could put on a screen or into a log."""
    yield repr(http.settings)
    yield repr(request)
    yield str(request)
    if http.authorize is not None:
        yield repr(http.authorize)
    try:
        for result in http.run([request]):
            yield from (repr(result), str(result), repr(result.response), str(result.error))
            yield repr(result.error)
            if result.response is not None:
                yield repr(result.response.headers)
            if result.error is not None:
                raise result.error
    except FilehaulError as problem:
        yield from (str(problem), repr(problem), json.dumps(problem.as_dict()))
        yield "".join(traceback.format_exception(problem))
        yield "an error was told"


@pytest.mark.parametrize("number", range(7))
def test_the_canary(number, caplog, capfd):
    """Secrets in config, headers, bodies and URLs, all said back: none in errors, reprs or logs."""
    caplog.set_level(logging.DEBUG)
    texts = []
    with BareServer(_echoing) as server:
        block = list(_blocks(server.url))[number]
        config = {
            "client": {
                "base_url": server.url,
                "auth": block,
                "headers": {"X-Own-Key": CANARIES["header"]},
                "proxy": "",
            },
            "resources": [
                {
                    "name": "files",
                    "primary_key": "file_id",
                    "endpoint": {"path": "x", "paginator": "single_page"},
                }
            ],
        }
        with connect(load_config(config), FakeClock()) as http:
            for path in PATHS:
                writer = Kept() if path.startswith("/short") else None
                request = Request(server.url + path, writer=writer, max_body=50)
                texts += _all_text(http, request)
            texts += _all_text(http, Request(f"{server.url}/fine?sig={CANARIES['param']}"))
        if block["type"] == "oauth2":
            block["token_url"] = server.url + "/token-refused"
            with connect(load_config(config), FakeClock()) as http:
                texts += _all_text(http, Request(server.url + "/x"))
        assert any(CANARIES["header"] in asked.text for asked in server.asked)
    printed = capfd.readouterr()
    text = "\n".join([*texts, caplog.text, printed.out, printed.err])
    assert texts.count("an error was told") >= len(PATHS)
    for secret in CANARIES.values():
        coded = base64.b64encode(secret.encode()).decode()
        for spelling in (secret, quote(secret, safe=""), coded):
            assert spelling not in text
    for pair in ("id:" + quote_plus(CANARIES["client_secret"]), f"me:{CANARIES['password']}"):
        assert base64.b64encode(pair.encode()).decode() not in text
