"""Content-hashed ids with versioned prefixes, and seeds derived from names.

Owns how anything in synthgen is identified across processes and machines: no id here depends on time, memory
addresses, dict order or Python's hash randomisation. A changed rule gets a new prefix (`s2:`), never the old one.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

SLOT_PREFIX = "s1:"
ROW_PREFIX = "r1:"
CONTENT_PREFIX = "c1:"
_DIGEST_BYTES = 12


def canonical_json(value: Any) -> bytes:
    """The one JSON spelling of `value`: sorted keys, no spaces, UTF-8.

    Raises:
        TypeError: `value` holds something JSON cannot say.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: bytes) -> str:
    """24 hexadecimal characters of BLAKE2b: 96 bits, so a billion ids collide with probability below 1e-10."""
    return hashlib.blake2b(value, digest_size=_DIGEST_BYTES).hexdigest()


def content_id(value: bytes | str) -> str:
    """Id of a file's or a text's content, used to see whether what a job names has changed."""
    return CONTENT_PREFIX + digest(value.encode() if isinstance(value, str) else value)


def slot_id(*, prompt: Any, model: str, params: Any, schema: Any, label: str, sample: Any) -> str:
    """Id over everything that decides a slot's answer.

    Args:
        prompt: Rendered messages or text, as plain JSON values.
        model: The model's name as the provider knows it.
        params: Sampling parameters, as plain JSON values.
        schema: JSON schema asked for, or None; as it is, or as a fragment of canonical JSON.
        label: Class the answer is for.
        sample: Which sample of the class this is, so that two slots with equal prompts stay two slots: the slot's
            ordinal, or, in a later stage, the source row and which of its slots.
    """
    return SLOT_PREFIX + digest(canonical_json([prompt, model, params, schema, label, sample]))


def row_id(slot: str, item: int) -> str:
    """Id of the `item`-th row parsed from the answer to `slot`."""
    return ROW_PREFIX + digest(canonical_json([slot, item]))


def derive_seed(*names: str | int) -> int:
    """A seed in [0, 2**31) that is a pure function of `names` (31 bits: what sampling APIs accept)."""
    return _seed_of(hashlib.blake2b(canonical_json(names), digest_size=8))


def derive_seeds(count: int, *names: str | int) -> list[int]:
    """As `derive_seed(*names, i)` for each number i below `count`, at a third of the time."""
    begun = canonical_json([*names, 0]).removesuffix(b"0]")
    common, seeds = hashlib.blake2b(begun, digest_size=8), []
    for i in range(count):
        digested = common.copy()
        digested.update(b"%d]" % i)
        seeds.append(_seed_of(digested))
    return seeds


def _seed_of(digested: hashlib.blake2b) -> int:
    return int.from_bytes(digested.digest(), "big") >> 33
