"""Recognisers of personal data: what has a form, a check digit or a numbering plan."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import phonenumbers
from stdnum import iban, luhn

from dressage_filters.addresses import addresses


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data at the characters [start, end) of a text."""

    start: int
    end: int
    kind: str


def find(text: str, kinds: Sequence[str], *, regions: Sequence[str] = ()) -> list[Found]:
    """All finds of the given kinds in order, without overlaps; the surer kinds take their places first."""
    kept: list[Found] = []
    before = -1
    # What is found is hidden and the rest is read again: a phone number beside a card number is none to the matcher.
    while before < len(kept):
        before = len(kept)
        for kind, recognise in _SUREST_FIRST.items():
            for start, end in list(recognise(text, regions)) if kind in kinds else ():
                if HIDDEN not in text[start:end]:
                    kept.append(Found(start, end, kind))
                    text = text[:start] + HIDDEN * (end - start) + text[end:]
    return sorted(kept, key=lambda found: found.start)


HIDDEN = "\ue000"
"""A private-use character: no letter, digit or space."""

Place = tuple[int, int]

# Bounded repeats keep the search linear; only Latin letters, for in Chinese text no space parts an address from words.
_LATIN = "A-Za-z0-9À-ɏ"
_email = re.compile(
    rf"(?<![{_LATIN}])[{_LATIN}][{_LATIN}._%+'-]{{0,63}}@(?:[{_LATIN}](?:[{_LATIN}-]{{0,61}}[{_LATIN}])?\.){{1,8}}[A-Za-z]{{2,24}}"
    rf"(?![A-Za-zÀ-ɏ])"
)


def emails(text: str, regions: Sequence[str]) -> Iterator[Place]:
    """Addresses of the form name@host.tld."""
    for match in _email.finditer(text) if "@" in text else ():
        yield match.span()


_GAP = "[ \u00a0\u2010-\u2015-]"
"""What may part the groups of a number, once or twice: spaces and dashes."""
# A lookahead, for a candidate that is none may reach over the real number behind it.
_iban = re.compile(rf"(?<![A-Za-z0-9])(?=([A-Za-z]{{2}}\d{{2}}(?:{_GAP}{{0,2}}[A-Za-z0-9]){{11,30}}))")


def ibans(text: str, regions: Sequence[str]) -> Iterator[Place]:
    """Account numbers with the length of their country and right check digits."""
    for match in _iban.finditer(text):
        # Words may follow after a space, so the end is the last place that makes a valid number.
        for end in range(match.end(1), match.start() + 14, -1):
            if text[end : end + 1].isalnum() and end < len(text):
                continue
            number = re.sub(_GAP, "", text[match.start() : end])
            if text[end - 1].isalnum() and iban.is_valid(number, check_country=False):
                yield match.start(), end
                break


_THOUSANDS = r"\d{3}(?!\d)"
_digit_groups = re.compile(
    rf"(?<![\d{_LATIN}])(?<!\d\.)(?!(?<=\d,){_THOUSANDS})"
    rf"\d+(?:{_GAP}{{1,2}}\d+)*"
    rf"(?![\d{_LATIN}]|\.\d|,{_THOUSANDS})"
)
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[68]\d)\d{11}"  # Diners Club
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}(?:\d{3})?"  # Discover
    r"|62\d{14,17}"  # UnionPay
    r"|35(?:2[89]|[3-8]\d)\d{12}|(?:1800|2131)\d{11}"  # JCB
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)


def cards(text: str, regions: Sequence[str]) -> Iterator[Place]:
    """Payment card numbers: a known issuer's prefix and length, and a right Luhn digit."""
    for match in _digit_groups.finditer(text):
        groups = [(match.start() + g.start(), match.start() + g.end()) for g in re.finditer(r"\d+", match[0])]
        first = 0
        while first < len(groups):
            last = _card_end(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def _card_end(text: str, groups: Sequence[Place], first: int) -> int | None:
    # A date or a code may stand beside the number, so every run of whole groups is tried, the longest first.
    lengths = list(accumulate(end - start for start, end in groups[first : first + 6]))
    for offset in range(len(lengths) - 1, -1, -1):
        if not 12 <= lengths[offset] <= 19:
            continue
        digits = "".join(_digits(text[start:end]) for start, end in groups[first : first + offset + 1])
        if _CARD.fullmatch(digits) and luhn.is_valid(digits):
            return first + offset
    return None


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in text)


_maybe_phone = re.compile(r"\d(?:\D{0,4}\d){5}")


def phones(text: str, regions: Sequence[str]) -> Iterator[Place]:
    """Phone numbers with + and a country code, or valid in the plan of one of `regions`."""
    if not _maybe_phone.search(text):
        return
    # The plus already says that it is a phone number, so a possible one is enough there.
    for match in phonenumbers.PhoneNumberMatcher(text, None, leniency=phonenumbers.Leniency.POSSIBLE):
        yield match.start, match.end
    for region in regions:
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            yield match.start, match.end


def _addresses(text: str, regions: Sequence[str]) -> Iterator[Place]:
    yield from addresses(text)


_SUREST_FIRST: dict[str, Callable[[str, Sequence[str]], Iterator[Place]]] = {
    "email": emails,
    "iban": ibans,
    "card": cards,
    "phone": phones,
    "address": _addresses,
}
