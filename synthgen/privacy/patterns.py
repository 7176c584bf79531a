"""Personal data by its form, without any package: what a machine can be sure of in microseconds.

Cards, IBANs and addresses of machines must pass their own checks (Luhn, ISO 13616, the `ipaddress` module), so an order
number is none of them. A telephone number has no check digit: it counts where it is written like one (with its
country's code, a leading 0, or in groups), or where a word beside it says so. Names and postal addresses have no form:
they take `detector: presidio` with a model.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from synthgen.privacy.finding import Finding, without_overlaps

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w-])")
_CARD = re.compile(r"(?<![\w.])[3-6]\d{3}(?:[ -]?\d){8,15}(?![\w])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?(?!\w)", re.IGNORECASE)
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IP6 = re.compile(r"(?<![\w:])(?=[\da-f:]*:[\da-f:]*:)[\da-f:]{3,39}(?![\w:])", re.IGNORECASE)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,/-])(?:\+ ?)?\(?\d(?:[ .()/-]{0,2}\d){6,16}(?![\w]|[.,]\d)")
_GROUPED = (
    re.compile(r"(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}"),  # North America
    re.compile(r"[6-9]\d\d([ .])\d{3}\1\d{3}"),  # Spain
    re.compile(r"[6-9]\d\d([ .])\d\d\1\d\d\1\d\d"),
)
_NATIONAL = re.compile(r"0[1-9]|00[1-9]\d{8}")  # within a country, and from it to another
_DATE = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?: \d{1,2})?")
_AMOUNT = re.compile(r"\d+\.\d{1,2}")
_SAYS_PHONE = re.compile(
    r"(?:call|phone|tel|telephone|ring|mobile|mob|cell|whatsapp|fax|sms|text|dial|teléfono|llam\w+|téléphone|appel\w+"
    r"|telefon\w*|handy|nummer|número|numéro)\b[^\d]{0,24}$",
    re.IGNORECASE,
)
_MIN_DIGITS, _MAX_DIGITS = 7, 15
_LOOKED_BACK_CHARS = 40
_MIN_COLONS = 3
_SEPARATORS = re.compile(r"[^\dA-Za-z]")
# Every finding holds an @, three colons' company, or four digits: what most texts do not.
_MAY_HOLD = re.compile(r"@|:[\da-f]{0,4}:|(?:\d[^\d]{0,3}){4}", re.IGNORECASE)


class PatternDetector:
    """Finds what `PATTERNS` names.

    Args:
        entities: Which of them; None is all.

    Raises:
        KeyError: An entity that it has no pattern for.
    """

    def __init__(self, entities: Sequence[str] | None = None) -> None:
        self._finders = {name: PATTERNS[name] for name in (PATTERNS if entities is None else entities)}

    @property
    def entities(self) -> Sequence[str]:
        return tuple(self._finders)

    def find(self, text: str) -> list[Finding]:
        if _MAY_HOLD.search(text) is None:
            return []
        return without_overlaps(
            Finding(entity, start, end, score)
            for entity, finder in self._finders.items()
            for start, end, score in finder(text)
        )


_Stretches = Iterator[tuple[int, int, float]]


def _emails(text: str) -> _Stretches:
    yield from ((found.start(), found.end(), 1.0) for found in _EMAIL.finditer(text))


def _cards(text: str) -> _Stretches:
    for found in _CARD.finditer(text):
        if _passes_luhn(_SEPARATORS.sub("", found[0])):
            yield found.start(), found.end(), 1.0


def _ibans(text: str) -> _Stretches:
    """An IBAN in running text may be followed by words that look like its last groups: the longest that checks."""
    for found in _IBAN.finditer(text):
        for end in range(found.end(), found.start() + 14, -1):
            is_whole = end == len(text) or not text[end].isalnum()
            if is_whole and text[end - 1].isalnum() and _passes_mod_97(_SEPARATORS.sub("", text[found.start() : end])):
                yield found.start(), end, 1.0
                break


def _addresses(text: str) -> _Stretches:
    for pattern in (_IP4, _IP6):
        for found in pattern.finditer(text):
            if _is_address(found[0]):
                yield found.start(), found.end(), 0.9


def _social_security(text: str) -> _Stretches:
    yield from ((found.start(), found.end(), 0.85) for found in _SSN.finditer(text))


def _phones(text: str) -> _Stretches:
    for found in _NUMBER.finditer(text):
        score = _phone_score(found[0], text[max(0, found.start() - _LOOKED_BACK_CHARS) : found.start()])
        if score:
            yield found.start() + (found[0][0] == "(" and ")" not in found[0]), found.end(), score


def _phone_score(written: str, before: str) -> float:
    digits = sum(character.isdigit() for character in written)
    if not _MIN_DIGITS <= digits <= _MAX_DIGITS or _is_another_number(written):
        return 0.0
    if written.startswith("+") and digits > _MIN_DIGITS:
        return 0.8
    if _SAYS_PHONE.search(before):
        return 0.7
    if _NATIONAL.match(_SEPARATORS.sub("", written)) and 9 <= digits <= 14:
        return 0.6
    return 0.6 if any(pattern.fullmatch(written) for pattern in _GROUPED) else 0.0


def _is_another_number(written: str) -> bool:
    """A date, or an amount with its decimals."""
    return _DATE.fullmatch(written) is not None or _AMOUNT.fullmatch(written) is not None


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812, over 13 to 19 digits that are not all the same."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    values = [int(digit) for digit in reversed(digits)]
    doubled = sum(sum(divmod(2 * value, 10)) for value in values[1::2])
    return (sum(values[::2]) + doubled) % 10 == 0


def _passes_mod_97(written: str) -> bool:
    """ISO 13616: country and check digits moved to the end, letters as 10 to 35, remainder 1."""
    compact = written.upper()
    if not 15 <= len(compact) <= 34 or not compact.isascii():
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _is_address(written: str) -> bool:
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        return False
    is_written_out = found.version == 4 or written.count(":") >= _MIN_COLONS  # 10::20 is a ratio
    return is_written_out and not (found.is_unspecified or found.is_loopback)


PATTERNS: Mapping[str, Callable[[str], _Stretches]] = {
    "EMAIL_ADDRESS": _emails,
    "PHONE_NUMBER": _phones,
    "CREDIT_CARD": _cards,
    "IBAN_CODE": _ibans,
    "IP_ADDRESS": _addresses,
    "US_SSN": _social_security,
}
