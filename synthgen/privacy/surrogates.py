"""What takes the place of personal data: values that are set aside for examples and belong to nobody.

A blank (`<PHONE_NUMBER>`) in the rows that a model is shown comes back as a blank in the rows that it writes. So where
there are values that nobody can own (RFC 2606 mail, RFC 5737 and 3849 addresses, telephone numbers with 555-01, test
cards), one of these stands in, in the form of what it replaces; where there are none, the entity's name in angle
brackets does, which the placeholder check rejects when a model repeats it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

_EXAMPLE_MAIL = re.compile(r"@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|example|invalid|test)$", re.IGNORECASE)
_NETS = tuple(
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_CARDS = ("4111111111111111", "5555555555554444", "4012888888881881", "5105105105105100")
_IBANS = ("GB33BUKB20201555555555", "DE75512108001245126199", "FR7630006000011234567890189")
_NAMES = ("Alex", "Sam", "Robin", "Kim", "Jordan", "Charlie", "Taylor", "Morgan")
_PLACES = ("Springfield", "Riverton", "Lakeside", "Hillview", "Northfield", "Brookdale")
_FICTION_555 = re.compile(r"55501\d\d$")
_OTHER = re.compile(r"\D")


class StandIns:
    """Deals out surrogate values: the same one for the same value, another one for another value while there are any.

    Args:
        first: Number of the first of each kind.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._dealt: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, entity: str, value: str) -> str:
        """What stands for `value`."""
        key = entity, value.casefold()
        if key not in self._dealt:
            number = self._counts.get(entity, self._first)
            self._counts[entity] = number + 1
            make = _MAKERS.get(entity)
            self._dealt[key] = f"<{entity}>" if make is None else make(value, number)
        return self._dealt[key]


def is_set_aside(entity: str, value: str) -> bool:
    """Whether a value is one that belongs to nobody: a surrogate value, or what people write in examples."""
    match entity:
        case "EMAIL_ADDRESS":
            return _EXAMPLE_MAIL.search(value) is not None
        case "PHONE_NUMBER":
            return _FICTION_555.search(_OTHER.sub("", value)) is not None
        case "CREDIT_CARD":
            return _OTHER.sub("", value) in _CARDS
        case "IBAN_CODE":
            return value.replace(" ", "").upper() in _IBANS
        case "IP_ADDRESS":
            return _is_example_address(value)
        case "US_SSN":
            return _OTHER.sub("", value).startswith("98765432")
        case "PERSON":
            return value in _NAMES
        case "LOCATION":
            return value in _PLACES
        case "URL":
            return re.match(r"(?:\w+://)?(?:www\.)?example\.(?:com|org|net)\b", value, re.IGNORECASE) is not None
        case _:
            return value == f"<{entity}>"


def _is_example_address(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return any(address in net for net in _NETS)


def _phone(value: str, number: int) -> str:
    """As many digits in the same places, ending in one of the hundred numbers kept for fiction."""
    wanted = sum(character.isdigit() for character in value)
    digits = ("0202" * 4 + f"55501{number % 100:02}")[-wanted:] if wanted >= 7 else f"55501{number % 100:02}"
    if wanted < 7:
        return digits
    first = value.find("0") if value.lstrip("( ").startswith("0") else -1
    if first >= 0:
        digits = "0" + digits[1:]
    source = iter(digits)
    return "".join(next(source) if character.isdigit() else character for character in value)


def _address(value: str, number: int) -> str:
    return f"2001:db8::{number % 65_535 + 1:x}" if ":" in value else f"192.0.2.{number % 254 + 1}"


_MAKERS: Mapping[str, Callable[[str, int], str]] = {
    "EMAIL_ADDRESS": lambda _, n: f"{_NAMES[n % len(_NAMES)].lower()}{n // len(_NAMES) or ''}@example.com",
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": lambda _, n: _CARDS[n % len(_CARDS)],
    "IBAN_CODE": lambda _, n: _IBANS[n % len(_IBANS)],
    "IP_ADDRESS": _address,
    "US_SSN": lambda _, n: f"987-65-432{n % 10}",
    "PERSON": lambda _, n: _NAMES[n % len(_NAMES)],
    "LOCATION": lambda _, n: _PLACES[n % len(_PLACES)],
    "URL": lambda _, n: f"https://example.com/{n + 1}",
}
