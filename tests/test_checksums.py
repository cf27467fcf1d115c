"""Checksums agree with what the vendors publish, however the bytes arrive."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import random
import sys
import zlib
from base64 import b64decode
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul import checksums
from filehaul.checksums import STRENGTH, SUPPORTED, new, normalise, strongest

MIB = 1024 * 1024
BUILT_IN = [name for name in STRENGTH if name not in ("blake3", "crc32c")]


def digest_of(algorithm: str, *pieces: bytes) -> str:
    digest = new(algorithm)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("algorithm", "data", "expected"),
    [
        ("md5", b"", "d41d8cd98f00b204e9800998ecf8427e"),
        ("md5", b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "sha512",
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        ("crc32", b"123456789", "cbf43926"),
        ("crc32", b"", "00000000"),
    ],
)
def test_standard_algorithms(algorithm: str, data: bytes, expected: str) -> None:
    """RFC 1321 (md5), FIPS 180-2 appendices (sha), the published check value of CRC-32/ISO-HDLC."""
    assert digest_of(algorithm, data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
        ("jRRDVA==", "jaDAEKgAAAAAAAAABAAAAAAAAAA="),
        ("XBV6YKU9V7yMakZnFIxIkuU=", "HbplHsBQih5cgReMQYMRzkABRiA="),
        ("T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="),
        (
            "ikwCorI7PKWz17EI50jZCGbV9JU2E8bXVfxNMg5zdmqSZ2NlsQPp0kqYIPjzwTg1MBtfWPg53k0h0P2naJNEVgrqpoHT"
            "fV2b3pJ4m0zYPTJmUX4Bg/lOxcnCxAYKU29Y5F0U8Quz7ZXFBEweftXxJ7RS4r6N7BzJrPsLhY7hgck=",
            "imAoFvCWlDn4yVw3/oq1PDbbm6U=",
        ),
        (
            "PfxMcUd0vIW6VbHG/uj/Y0W6qEoKmyBD0nYebEKazKaKG+UaDqBEcmQjbfQeVnVLuodMoPp7P7TR1htX5n2VnkHh22xD"
            "yoJ8C/ZQKiSNqQfXvh83judf4RVr9exJCud8Uvgip6aVZTaPrJHVjQhMCp/dEnGvqg0oN5OVkM2qqAXvA0teKUDhgNM7"
            "1sDBVBCGXxNOR2bpbD1iM4dnuT0ey4L+loXEHTL0fqMeUcEi2asgImnlNakwenDzz0x57aBwyq3AspCFGB1ncX4yYCr/"
            "OaCcS5OKi/00WH+wNQU3",
            "QX/YEpG0gDsmhEpCdWhsxDzsfVE=",
        ),
        (
            "w0LGhqU1WXFbdavqDE4kAjEzWLGGzmTNikzqnsiXHx2KRReKVTxkv27u3UcEz9+lbMvYl4xFf2Z4aE1xRBBNd1Ke5C0z"
            "ToSaYw5o4B/7X99nKK2/XaUX1byLow2aju2XJl2OpKpJg+tSJ2fmjIJTkfuYUz574dFX6/VXxSxwGH/xQEAKS5TCsBK3"
            "CwnuG1p5SAsQq3gGVozDWyjEBcWDMdy8/AIFrj/y03Lfc/RNRCQTAfZbnf2QwV7sluw4fH3XJr07UoD0YqN+7XZzidtr"
            "wqMY26fpLZnyZjnBEt1FAZWO7RnKG5asg8xRk9YaDdedXdQSJAOy6bWEWlABj+tVAigBxavaluUH8LOj+yfCFldJjNLd"
            "i90fVHkUD/m4Mr5OtmupNMXPwuG3EQlqWUVpQoYpUYKLsk7a5Mvg6UFkiH596y5IbJEVCI1Kb3D1",
            "e3+wo77iKcILiZegnzyUNcjCdoQ=",
        ),
    ],
    ids=len,
)
def test_quickxor_vectors(data: str, expected: str) -> None:
    """From rclone's backend/onedrive/quickxorhash/quickxorhash_test.go: 0 to 333 bytes."""
    assert digest_of("quickxor", b64decode(data)) == b64decode(expected).hex()


def test_quickxor_of_hello_world() -> None:
    """The example in the README of the package quickxorhash, which wraps libqxh."""
    expected = b64decode("aCgDG9jwBhDc4Q1yawMZAAAAAAA=").hex()
    assert digest_of("quickxor", b"hello world") == expected


def _quickxor_by_definition(data: bytes) -> str:
    """Microsoft's definition, bit by bit: rotate by 11 a byte, XOR; XOR the length at the end."""
    ring = 0
    for i, byte in enumerate(data):
        for bit in range(8):
            if byte >> bit & 1:
                ring ^= 1 << ((11 * i + bit) % 160)
    return (ring ^ len(data) << 96).to_bytes(20, "little").hex()


@given(size=st.integers(0, 40_000), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_quickxor_equals_its_definition(size: int, seed: int) -> None:
    """The fast form (thousands of bytes an operation) equals the slow one at any size."""
    data = random.Random(seed).randbytes(size)
    assert digest_of("quickxor", data) == _quickxor_by_definition(data)


def _dropbox_of_blocks(blocks: list[bytes]) -> str:
    """Dropbox's definition from step 3 on: sha256 of the blocks' sha256, one after the other."""
    return hashlib.sha256(b"".join(blocks)).hexdigest()


def test_dropbox_definition() -> None:
    """Dropbox's page "Content hash": its three published block hashes give its published result."""
    blocks = [
        "2a846fa617c3361fc117e1c5c1e1838c336b6a5cef982c1a2d9bdf68f2f1992a",
        "c68469027410ea393eba6551b9fa1e26db775f00eae70a0c3c129a0011a39cf9",
        "7376192de020925ce6c5ef5a8a0405e931b0a9a8c75517aacd9ca24a8a56818b",
    ]
    assert _dropbox_of_blocks([bytes.fromhex(block) for block in blocks]) == (
        "485291fa0ee50c016982abbfa943957bcd231aae0492ccbaa22c58e3997b35e0"
    )


@pytest.mark.parametrize("piece", [64 * 1024, 3 * MIB + 1, 16 * MIB])
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "1cd6ef71e6e0ff46ad2609d403dc3fee244417089aa4461245a4e4fe23a55e42"),
        (4096, "8620913d33852befe09f16fff8fd75f77a83160d29f76f07e0276e9690903035"),
        (4 * MIB - 1, "647c8627d70f7a7d13ce96b1e7710a771a55d41a62c3da490d92e56044d311fa"),
        (4 * MIB, "d4d63bac5b866c71620185392a8a6218ac1092454a2d16f820363b69852befa3"),
        (4 * MIB + 1, "8f553da8d00d0bf509d8470e242888be33019c20c0544811f5b2b89e98360b92"),
        (8 * MIB - 1, "83b30cf4fb5195b04a937727ae379cf3d06673bf8f77947f6a92858536e8369c"),
        (8 * MIB, "e08b3ba1f538804075c5f939accdeaa9efc7b5c01865c94a41e78ca6550a88e7"),
        (8 * MIB + 1, "02c8a4aefc2bfc9036f89a7098001865885938ca580e5c9e5db672385edd303c"),
    ],
)
def test_dropbox_vectors(size: int, expected: str, piece: int) -> None:
    """From rclone's backend/dropbox/dbhash/dbhash_test.go: letters A, around the 4 MiB blocks."""
    data = memoryview(b"A" * size)
    pieces = [data[at : at + piece] for at in range(0, size, piece)]
    assert digest_of("dropbox", *pieces) == expected


@given(size=st.integers(0, 5000), block=st.integers(1, 1000), cuts=st.lists(st.integers(0, 5000)))
@settings(deadline=None)
def test_dropbox_equals_its_definition(size: int, block: int, cuts: list[int]) -> None:
    """Any size of block, file and pieces: the same as hashing block by block."""
    data = random.Random(size).randbytes(size)
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    with mock.patch.object(checksums._Dropbox, "_BLOCK", block):
        digest = new("dropbox")
        for start, end in itertools.pairwise(edges):
            digest.update(data[start:end])
        got = digest.hexdigest()
    blocks = [hashlib.sha256(data[at : at + block]).digest() for at in range(0, size, block)]
    assert got == _dropbox_of_blocks(blocks)


@pytest.mark.parametrize("algorithm", sorted(SUPPORTED))
@given(size=st.integers(0, 60_000), cuts=st.lists(st.integers(0, 60_000), max_size=12))
@settings(max_examples=40, deadline=None)
def test_pieces_never_change_a_digest(algorithm: str, size: int, cuts: list[int]) -> None:
    """One piece or many, as bytes, bytearray or memoryview, asked for in between: all equal."""
    data = random.Random(size).randbytes(size)
    whole = digest_of(algorithm, data)
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    kinds = itertools.cycle([bytes, bytearray, memoryview])
    digest = new(algorithm)
    for start, end in itertools.pairwise(edges):
        digest.update(next(kinds)(data[start:end]))
        assert digest.hexdigest() == digest_of(algorithm, data[:end])
    assert digest.hexdigest() == whole
    assert normalise(algorithm, whole) == whole


@pytest.mark.parametrize("algorithm", sorted(SUPPORTED))
def test_every_byte_counts(algorithm: str) -> None:
    """One bit flipped, two bytes swapped, a NUL appended, the end cut: another digest."""
    data = bytearray(random.Random(1).randbytes(40_000))
    right = digest_of(algorithm, data)
    assert digest_of(algorithm, data + b"\0") != right
    assert digest_of(algorithm, data[:-1]) != right
    for at in (0, 1, 159, 160, 161, 16_319, 16_320, 39_999):
        data[at] ^= 0x80
        assert digest_of(algorithm, data) != right
        data[at] ^= 0x80
    data[100], data[101] = data[101], data[100]
    assert digest_of(algorithm, data) != right


def test_wide_memoryviews_count_as_bytes() -> None:
    """A memoryview of 4-byte items is as long as its bytes, not as its items."""
    wide = memoryview(b"abcdefgh" * 100).cast("I")
    for algorithm in BUILT_IN:
        assert digest_of(algorithm, wide) == digest_of(algorithm, b"abcdefgh" * 100)


def test_unknown_algorithm_says_what_is_known() -> None:
    """A misspelt name is an error that lists the right ones."""
    with pytest.raises(ValueError, match=r"unknown checksum algorithm 'sha3'.*sha512, sha256, "):
        new("sha3")


def test_blake3_without_its_module_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where blake3 is not installed, asking for it says what to install."""
    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(ValueError, match=r"pip install 'filehaul\[blake3\]'"):
        new("blake3")


def test_blake3_with_its_module_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the module is there, its own digest does the work."""
    monkeypatch.setitem(sys.modules, "blake3", SimpleNamespace(blake3=hashlib.sha256))
    assert digest_of("blake3", b"abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    ],
)
def test_blake3_vectors(size: int, expected: str) -> None:
    """test_vectors.json of BLAKE3-team/BLAKE3 (bytes 0, 1, … 250, 0, …), where blake3 is there."""
    pytest.importorskip("blake3")
    assert digest_of("blake3", bytes(i % 251 for i in range(size))) == expected


def test_crc32c_without_its_module_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where google-crc32c is not installed, asking for crc32c says what to install."""
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(ValueError, match=r"pip install 'filehaul\[crc32c\]'"):
        new("crc32c")


def test_crc32c_with_its_module_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the module is there, it goes on from the value so far, and gets plain bytes."""

    def extend(value: int, data: bytes) -> int:
        assert type(data) is bytes
        return zlib.crc32(data, value)

    monkeypatch.setitem(sys.modules, "google_crc32c", SimpleNamespace(extend=extend))
    digest = new("crc32c")
    for piece in (b"123", bytearray(b"456"), memoryview(b"789")):
        digest.update(piece)
    assert digest.hexdigest() == "cbf43926"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", "e3069283"),
        (bytes(32), "8a9136aa"),
        (b"\xff" * 32, "62a8ab43"),
        (bytes(range(32)), "46dd794e"),
        (bytes(range(31, -1, -1)), "113fdb5c"),
    ],
)
def test_crc32c_vectors(data: bytes, expected: str) -> None:
    """RFC 3720, appendix B.4 (which prints the bytes turned round), where the module is there."""
    pytest.importorskip("google_crc32c")
    assert digest_of("crc32c", data[:5], data[5:]) == expected


def test_supported_says_what_can_be_computed_here() -> None:
    """Every supported name makes a digest; blake3 and crc32c count only where their module is."""
    modules = {"blake3": "blake3", "crc32c": "google_crc32c"}
    here = {name for name, module in modules.items() if importlib.util.find_spec(module)}
    assert {"md5", "sha1", "sha256", "sha512", "crc32", "quickxor", "dropbox"} | here == SUPPORTED
    lengths = {name: len(digest_of(name, b"x")) for name in SUPPORTED - set(modules)}
    assert lengths == {
        **{"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128},
        **{"crc32": 8, "quickxor": 40, "dropbox": 64},
    }


ALL = {name: digest_of(name, b"x") for name in BUILT_IN} | {"blake3": "b" * 64, "crc32c": "c" * 8}


def test_strongest_follows_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything there, the strongest wins; without it the next, down to none."""
    monkeypatch.setattr(checksums, "SUPPORTED", frozenset(STRENGTH))
    left = dict(ALL)
    order = []
    while (found := strongest(left)) is not None:
        assert found == (found[0], left.pop(found[0]))
        order.append(found[0])
    assert " ".join(order) == "sha512 sha256 blake3 sha1 dropbox quickxor md5 crc32c crc32"
    assert not left


def test_strongest_passes_over_what_cannot_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checksum that is malformed, empty, unknown or unsupported never hides a weaker good one."""
    monkeypatch.setattr(checksums, "SUPPORTED", frozenset(BUILT_IN))
    offered = {"sha3": "aa", "blake3": "b" * 64, "sha512": "", "sha256": "n/a"}
    assert strongest(offered) is None
    assert strongest(offered | {"md5": f'"{ALL["md5"].upper()}"'}) == ("md5", ALL["md5"])
    assert strongest({}) is None


MD5 = "900150983cd24fb0d6963f7d28e17f72"


@pytest.mark.parametrize(
    ("algorithm", "value", "expected"),
    [
        ("md5", MD5, MD5),
        ("md5", f"  {MD5.upper()}\n", MD5),
        ("md5", f'"{MD5}"', MD5),
        ("md5", f"'{MD5}'", MD5),
        ("md5", f"md5:{MD5}", MD5),
        ("md5", f'MD5 = "{MD5}"', MD5),
        ("sha256", f"SHA256={'A' * 64}", "a" * 64),
        ("sha256", f"SHA-256:{'a' * 64}", "a" * 64),
        ("sha1", f"sha_1:{'0' * 40}", "0" * 40),
        ("blake3", f"blake3:{'a' * 64}", "a" * 64),
        ("crc32", "CBF43926", "cbf43926"),
        ("crc32c", "crc32c:E3069283", "e3069283"),
        ("crc32", "crc32c:E3069283", None),
        ("quickxor", "4a" * 20, "4a" * 20),
        ("md5", f"sha1:{MD5}", None),
        ("md5", MD5[:-1], None),
        ("md5", f"{MD5}0", None),
        ("md5", MD5[:-1] + "g", None),
        ("md5", MD5[:-1] + "１", None),
        ("md5", f"{MD5[:16]} {MD5[16:]}", None),
        ("md5", f"{MD5[:-1]}\n", None),
        ("md5", "", None),
        ("md5", "md5:", None),
        ("md5", "kAFQmDzST7DWlj99KOF/cg==", None),
        ("sha256", "a" * 128, None),
        ("crc32", "0xcbf43926", None),
        ("crc32", "-1234567", None),
        ("adler32", "01234567", None),
        ("MD5", MD5, None),
    ],
)
def test_normalise(algorithm: str, value: str, expected: str | None) -> None:
    """Vendors' spellings become lower-case hex; what cannot be that algorithm's hex is None."""
    assert normalise(algorithm, value) == expected


@given(st.sampled_from(STRENGTH), st.text(st.characters()))
def test_normalise_never_lets_rubbish_through(algorithm: str, value: str) -> None:
    """Any text: None, or hex that normalises to itself."""
    result = normalise(algorithm, value)
    assert result is None or (
        set(result) <= set("0123456789abcdef") and normalise(algorithm, result) == result
    )
