"""Which keys may sign: introduced by a trusted one, never brought back by an old word."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.envelope import Signer, TrustedKeys
from pleintemps_contract.gateway_messages import Announcement
from pleintemps_edge.link.keyring import KeyRing

A, B, C = (Signer(Ed25519PrivateKey.from_private_bytes(name * 32)) for name in (b"a", b"b", b"c"))


def text(signer: Signer) -> str:
    return base64.b64encode(signer.public.public_bytes_raw()).decode()


def word(revision: int, *keys: Signer, epoch: int = 7) -> Announcement:
    return Announcement(epoch=epoch, revision=revision, started=0, keys=[text(key) for key in keys])


def enrolled(*keys: Signer) -> TrustedKeys:
    return TrustedKeys([key.public for key in keys])


def kids(*keys: Signer) -> list[str]:
    return sorted(key.kid for key in keys)


def refused(ring: KeyRing, announcement: Announcement, signer: Signer) -> bool:
    before = ring.kids
    try:
        ring.introduce(announcement, signer.kid)
    except ValueError:
        assert ring.kids == before
        return True
    return False


def test_a_new_key_comes_by_the_old_one_and_retires_it() -> None:
    ring = KeyRing(enrolled(A), None)
    assert ring.introduce(word(1, A, B), A.kid) is not None
    assert ring.kids == kids(A, B)
    assert ring.introduce(word(2, B), B.kid) is not None
    assert ring.kids == kids(B)


def test_an_announcement_without_keys_changes_none() -> None:
    ring = KeyRing(enrolled(A), None)
    assert ring.introduce(word(1), A.kid) is None
    assert ring.kids == kids(A)


def test_nobody_hands_over_without_staying() -> None:
    ring = KeyRing(enrolled(A), None)
    assert refused(ring, word(1, B), A)
    # what was refused has not used its revision up
    assert ring.introduce(word(1, A, B), A.kid) is not None


def test_what_was_introduced_outlives_a_restart_and_an_old_word_changes_nothing() -> None:
    ring = KeyRing(enrolled(A), None)
    ring.introduce(word(5, A, B), A.kid)
    kept = ring.introduce(word(9, B), B.kid)
    again = KeyRing(enrolled(A), kept)
    assert again.kids == kids(B)
    for old in (word(5, A, B), word(9, A, B), word(99, A, B, epoch=6)):
        assert again.introduce(old, B.kid) is None
    assert again.kids == kids(B)
    assert again.introduce(word(1, B, C, epoch=8), B.kid) is not None


def test_another_key_folder_enrols_anew() -> None:
    ring = KeyRing(enrolled(A), None)
    kept = ring.introduce(word(5, A, B), A.kid)
    anew = KeyRing(enrolled(C), kept)
    assert anew.kids == kids(C)
    # and what was said before it is still old
    assert anew.introduce(word(5, C, B), C.kid) is None
    kept = anew.introduce(word(6, C, B), C.kid)
    assert KeyRing(enrolled(C), kept).kids == kids(B, C)
    # the order of the folder's keys is none of its matter
    both = KeyRing(enrolled(A, B), None)
    kept = both.introduce(word(1, B), B.kid)
    assert KeyRing(enrolled(B, A), kept).kids == kids(B)


def test_damaged_kept_keys_leave_those_of_the_folder() -> None:
    kept = KeyRing(enrolled(A), None).introduce(word(1, A, B), A.kid) or b""
    for damaged in (b"", b"{}", kept[:-9], kept.replace(b'"keys":[', b'"keys":["'), b"\xff"):
        ring = KeyRing(enrolled(A), damaged)
        assert (ring.kids, ring.unusable) == (kids(A), True)
    none = kept[: kept.index(b'"keys":[')] + b'"keys":[]}'
    assert KeyRing(enrolled(A), none).unusable


STEPS = st.tuples(st.integers(1, 9), st.sampled_from("abc"), st.sets(st.sampled_from("abc")))


@given(st.lists(STEPS, max_size=12))
def test_only_trusted_signers_that_stay_change_the_set_and_never_backwards(
    steps: list[tuple[int, str, set[str]]],
) -> None:
    signers = {"a": A, "b": B, "c": C}
    ring, last = KeyRing(enrolled(A), None), 0
    for revision, signer, names in steps:
        if signers[signer].kid not in ring.kids or len(names) > 2:
            continue  # the envelope refuses the one, the decoder the other
        before = ring.kids
        announcement = word(revision, *(signers[name] for name in sorted(names)))
        try:
            kept = ring.introduce(announcement, signers[signer].kid)
        except ValueError:
            assert (ring.kids, signer in names) == (before, False)
            continue
        if kept is None:
            assert ring.kids == before
            assert not names or revision <= last
        else:
            assert ring.kids == kids(*(signers[name] for name in names))
            assert signer in names and revision > last
            last = revision
            ring = KeyRing(enrolled(A), kept)  # a restart at any moment changes nothing
