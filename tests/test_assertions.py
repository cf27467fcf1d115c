"""Assertions as Google, Box and Microsoft ask for them, and keys that cannot be used."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from bare_server import BareServer, answer
from clock import FakeClock
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import ConfigError
from filehaul.redact import redact
from keys import Pair, ec_pair, rsa_pair

DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server():
    with BareServer(lambda _: answer(b'{"access_token": "t0ken", "expires_in": 3600}')) as server:
        yield server


def form_of(server: BareServer, auth: dict[str, Any], clock: FakeClock | None = None) -> Any:
    """The form of the token request that this block makes."""
    config = {
        "client": {"base_url": server.url, "auth": {"token_url": f"{server.url}/token", **auth}},
        "resources": [{"name": "files", "endpoint": {"path": "x", "paginator": "single_page"}}],
    }
    with connect(load_config(config), clock or FakeClock()) as http:
        assert http.authorize.current().headers == (("Authorization", "Bearer t0ken"),)
    return dict_of(server)


def opened(assertion: str, pair: Pair, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT whose signature is right; InvalidSignature where it is not."""
    text, _, coded = assertion.rpartition(".")
    signature, public = unpadded(coded), pair.private.public_key()
    digest = DIGESTS[algorithm[2:]]
    if algorithm.startswith("ES"):
        half = len(signature) // 2
        numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        public.verify(encode_dss_signature(*numbers), text.encode(), ec.ECDSA(digest))
    elif algorithm.startswith("PS"):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        public.verify(signature, text.encode(), pss, digest)
    else:
        public.verify(signature, text.encode(), padding.PKCS1v15(), digest)
    header, claims = (json.loads(unpadded(part)) for part in text.split("."))
    assert (header["alg"], header["typ"]) == (algorithm, "JWT")
    return header, claims


def unpadded(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def google_file(server: BareServer) -> dict[str, str]:
    return {
        "type": "service_account",
        "private_key_id": "key-7",
        "private_key": rsa_pair().pem(),
        "client_email": "robot@acme.iam.example",
        "client_id": "1234567890",
        "token_uri": f"{server.url}/google/token",
    }


def test_a_google_service_account(server, place):
    """Its file as it is: issuer, key id and token address from it, the scope as a claim, and
    the user who is acted for as subject; nothing else in the form.
    """
    (place / "robot.json").write_text(json.dumps(google_file(server)))
    auth = {
        "type": "oauth2_jwt_bearer",
        "key": "robot.json",
        "token_url": None,
        "scope": "https://www.googleapis.com/auth/drive.readonly",
        "subject": "ann@acme.example",
    }
    clock = FakeClock()
    form = form_of(server, auth, clock)
    assert server.asked[0].target == "/google/token"
    assert set(form) == {"grant_type", "assertion"}
    assert form["grant_type"] == JWT_BEARER
    header, claims = opened(form["assertion"], rsa_pair(), "RS256")
    assert header["kid"] == "key-7"
    now = int(clock.time())
    assert now - 60 <= claims["iat"] <= now
    assert now < claims["exp"] <= now + 60
    assert len(claims.pop("jti")) >= 16
    times = {name: claims.pop(name) for name in ("iat", "nbf", "exp")}
    assert times["iat"] == times["nbf"]
    assert claims == {
        "iss": "robot@acme.iam.example",
        "aud": f"{server.url}/google/token",
        "scope": "https://www.googleapis.com/auth/drive.readonly",
        "sub": "ann@acme.example",
    }


def test_a_box_app(server, place):
    """Its config.json as it is: the encrypted key, client and secret beside the assertion, the
    enterprise as subject; a user instead where one is named.
    """
    app_auth = {"publicKeyID": "k1", "privateKey": rsa_pair().pem("phrase"), "passphrase": "phrase"}
    settings = {"clientID": "box-id", "clientSecret": "box-s3cret", "appAuth": app_auth}
    text = json.dumps({"boxAppSettings": settings, "enterpriseID": 1234567})
    (place / "box.json").write_text(text)
    for block, subject, kind in (({}, "1234567", "enterprise"), ({"subject": "42"}, "42", "user")):
        auth = {"type": "oauth2_jwt_bearer", "key": {"file": "box.json"}, **block}
        form = form_of(server, auth)
        _, claims = opened(form.pop("assertion"), rsa_pair(), "RS256")
        assert (claims["iss"], claims["sub"], claims["box_sub_type"]) == ("box-id", subject, kind)
        assert form == {
            "grant_type": JWT_BEARER,
            "client_id": "box-id",
            "client_secret": "box-s3cret",
        }
    assert redact("it was box-s3cret") == "it was ***"


def dict_of(server: BareServer) -> dict[str, str]:
    return dict(parse_qsl(server.asked[-1].body.decode()))


def test_a_certificate_for_entra(server, place):
    """private_key_jwt as Microsoft asks: PS256, both thumbprints, client as issuer and subject."""
    pair = rsa_pair()
    certificate = pair.certificate()
    pem = certificate.public_bytes(Encoding.PEM).decode()
    der = certificate.public_bytes(Encoding.DER)
    (place / "both.pem").write_text(f"Bag Attributes\n{pair.pem()}{pem}")
    (place / "cert.pem").write_text(pem)
    for key in (
        {"file": "both.pem", "algorithm": "PS256"},
        {"text": pair.pem(), "certificate": "cert.pem", "algorithm": "PS256"},
    ):
        auth = {"type": "oauth2", "client_id": "app-1", "key": key, "scope": "s/.default"}
        form = form_of(server, auth)
        header, claims = opened(form.pop("client_assertion"), pair, "PS256")
        assert unpadded(header["x5t"]) == hashlib.sha1(der).digest()
        assert unpadded(header["x5t#S256"]) == hashlib.sha256(der).digest()
        assert claims["iss"] == claims["sub"] == "app-1"
        assert claims["aud"] == f"{server.url}/token"
        assert form == {
            "grant_type": "client_credentials",
            "scope": "s/.default",
            "client_id": "app-1",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_every_algorithm_of_rsa(server, algorithm):
    """Each signature is one that cryptography itself finds right, and no other."""
    auth = {"type": "oauth2_jwt_bearer", "key": {"text": rsa_pair().pem(), "algorithm": algorithm}}
    form = form_of(server, {**auth, "issuer": "us", "claims": {"aud": "them", "x": 1}})
    _, claims = opened(form["assertion"], rsa_pair(), algorithm)
    assert (claims["iss"], claims["aud"], claims["x"]) == ("us", "them", 1)
    body, _, coded = form["assertion"].rpartition(".")
    other = "B" if coded[0] == "A" else "A"
    with pytest.raises(InvalidSignature):
        opened(f"{body}.{other}{coded[1:]}", rsa_pair(), algorithm)


@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")],
)
def test_every_curve(server, curve, algorithm):
    """The curve says the algorithm, and both numbers have the curve's full length."""
    pair = Pair(ec.generate_private_key(curve))
    auth = {"type": "oauth2_jwt_bearer", "client_id": "us", "key": {"text": pair.pem()}}
    for _ in range(3):
        assertion = form_of(server, auth)["assertion"]
        opened(assertion, pair, algorithm)
        signature = unpadded(assertion.rpartition(".")[2])
        assert len(signature) == 2 * ((curve.key_size + 7) // 8)


def test_a_new_assertion_for_each_token(server):
    """Each has a jti of its own: a server may refuse one that it has seen."""
    config = {"type": "oauth2", "client_id": "us", "key": {"text": ec_pair().pem()}}
    seen = {form_of(server, config)["client_assertion"] for _ in range(3)}
    assert len(seen) == 3


# -- keys that cannot be used --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "words", "hint"),
    [
        ("none.pem", "cannot be read: No such file", "relative to the config's folder"),
        ("empty.pem", "no private key in it", "PEM file"),
        ("odd.json", "neither PEM, nor a key file", "the JSON that the vendor gave"),
        ("half.json", "neither PEM, nor a key file", "the JSON that the vendor gave"),
        ("damaged.pem", "damaged", "PEM file"),
        ({"file": "locked.pem"}, "it is encrypted", "add passphrase"),
        ({"file": "locked.pem", "passphrase": "no"}, "its passphrase is another", "PEM file"),
        ({"file": "rsa.pem", "passphrase": "x"}, "it is not encrypted", "drop passphrase"),
        ({"file": "rsa.pem", "algorithm": "ES256"}, "not of the kind that ES256", "PEM file"),
        ({"file": "ec.pem", "algorithm": "PS256"}, "not of the kind that PS256", "PEM file"),
        ({"file": "ec.pem", "algorithm": "ES384"}, "not of the kind that ES384", "PEM file"),
        ({"file": "ed.pem"}, "only RSA keys and the curves", "PEM file"),
        ({"file": "rsa.pem", "certificate": "none.crt"}, "certificate cannot be read", "relative"),
        ({"file": "rsa.pem", "certificate": "odd.crt"}, "certificate is damaged", "PEM file"),
    ],
)
def test_keys_that_cannot_be_used(server, place, key, words, hint):
    """Exit 4, what is wrong with the key and what to do; never a word of the key itself."""
    pair = rsa_pair()
    files = {
        "empty.pem": "",
        "odd.json": '{"a": 1}',
        "half.json": '{"client_email": "x"}',
        "rsa.pem": pair.pem(),
        "locked.pem": pair.pem("phrase"),
        "damaged.pem": pair.pem().replace(pair.pem()[100:140], "A" * 40),
        "ec.pem": ec_pair().pem(),
        "ed.pem": Pair(ed25519.Ed25519PrivateKey.generate()).pem(),
        "odd.crt": "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    }
    for name, text in files.items():
        (place / name).write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        form_of(server, {"type": "oauth2_jwt_bearer", "client_id": "us", "key": key})
    assert hint in caught.value.hint
    assert caught.value.where.startswith("client.auth.key")
    assert server.asked == []


def test_a_token_address_that_nobody_names(server, place):
    """A PEM key has no token address: the key of the config that is missing is named."""
    (place / "rsa.pem").write_text(rsa_pair().pem())
    auth = {"type": "oauth2_jwt_bearer", "key": "rsa.pem", "token_url": None}
    with pytest.raises(ConfigError, match="does not say where tokens are had") as caught:
        form_of(server, auth)
    assert caught.value.where == "client.auth.token_url"


def test_without_the_package_cryptography(server, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        form_of(server, {"type": "oauth2", "client_id": "us", "key": {"text": rsa_pair().pem()}})
    assert "filehaul[jwt]" in caught.value.hint


# -- the config's own checks ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "where", "words"),
    [
        ({"type": "oauth2", "client_id": "i"}, "client_secret", "'client_secret' is missing"),
        (
            {"type": "oauth2", "client_id": "i", "key": {"file": "a", "text": "b"}},
            "auth.key",
            "give one of them",
        ),
        ({"type": "oauth2", "client_id": "i", "key": {}}, "auth.key", "give one of them"),
        (
            {"type": "oauth2_refresh_token", "client_id": "i", "refresh_token": "a\nb"},
            "refresh_token",
            "line break",
        ),
        (
            {
                "type": "oauth2_refresh_token",
                "client_id": "i",
                "token_endpoint_auth_method": "client_secret_basic",
            },
            "client.auth",
            "needs client_secret",
        ),
        (
            {
                "type": "oauth2_refresh_token",
                "client_id": "i",
                "token_endpoint_auth_method": "private_key_jwt",
            },
            "client.auth",
            "private_key_jwt needs key",
        ),
        (
            {"type": "oauth2_authorization_code", "client_id": "i"},
            "authorization_url",
            "'authorization_url' is missing",
        ),
        (
            {
                "type": "oauth2_authorization_code",
                "client_id": "i",
                "authorization_url": "https://a.example/",
                "redirect_uri": "https://b.example/back",
            },
            "redirect_uri",
            "on this machine",
        ),
        (
            {"type": "oauth2_device_code", "client_id": "i"},
            "device_authorization_url",
            "is missing",
        ),
        ({"type": "oauth2_jwt", "key": "k"}, "auth.type", "no such type"),
        ({"type": "oauth2_jwt_bearer"}, "auth.key", "'key' is missing"),
    ],
)
def test_what_a_config_must_say(auth, where, words):
    """Found before the first request, with the key and its place."""
    config = {
        "client": {
            "base_url": "https://api.example.com",
            "auth": {"token_url": "https://api.example.com/token", **auth},
        },
        "resources": [{"name": "files", "endpoint": {"path": "x", "paginator": "single_page"}}],
    }
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert where in caught.value.where
    assert words in caught.value.message
