"""A set of names that holds as many bytes as it has to, here and on disk."""

from __future__ import annotations

import hashlib

from footage.evidence.hashed_names import BYTES_OF_EACH, HashedNames

NAMES = [f"task-{number}" for number in range(1_000)]


def _hash_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:BYTES_OF_EACH]


def test_it_has_the_names_it_was_given_and_no_others() -> None:
    names = HashedNames([*NAMES, *NAMES])

    assert len(names) == len(NAMES)
    assert all(name in names for name in NAMES)
    assert not any(f"another-{name}" in names for name in NAMES)
    assert "task-1" not in HashedNames()


def test_two_sets_make_one_without_a_change_of_either() -> None:
    one, other = HashedNames(NAMES[:600]), HashedNames(NAMES[400:])

    both = one | other

    assert (len(one), len(other), len(both)) == (600, 600, 1_000)
    assert all(name in both for name in NAMES)


def test_what_is_packed_is_the_same_on_every_machine_and_what_was_damaged_is_read_as_far_as_it_goes() -> None:
    packed = HashedNames(NAMES).packed()

    assert packed == b"".join(sorted(map(_hash_of, NAMES)))
    assert HashedNames(NAMES).packed(3) == packed[: 3 * BYTES_OF_EACH]
    # As an earlier release may have left it: in another order, cut.
    cut = b"".join(map(_hash_of, reversed(NAMES))) + b"cut"
    again = HashedNames.unpacked(cut)
    assert again.packed() == packed
    assert all(name in again for name in NAMES)
