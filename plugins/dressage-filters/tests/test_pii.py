"""PII: what is found, what is not, and what is left of it."""

import pytest
from dressage import Context, Drop, Example, Message
from dressage_filters.options import PIIOptions
from dressage_filters.pii import PII, mask
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError


def pii(**options):
    return PII(PIIOptions(**options), Context())


def found(text, **options):
    return [(f.kind, text[f.start : f.end]) for f in pii(**options).find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("Write to jane.doe+x@mail.example.co.uk.", "email", "jane.doe+x@mail.example.co.uk"),
        ("请联系bob@example.com谢谢", "email", "bob@example.com"),
        ("דוא״ל: dana@example.org", "email", "dana@example.org"),
        ("josé@exämple.de", "email", "josé@exämple.de"),
        ("-john@example.com", "email", "john@example.com"),
        ("_john@example.com", "email", "john@example.com"),
        ("+john@example.com", "email", "john@example.com"),
        ("call (212) 555-0198 now", "phone", "(212) 555-0198"),
        ("ring +49 30 901820 today", "phone", "+49 30 901820"),
        ("ring 020 7946 0018", "phone", "020 7946 0018"),
        ("card 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("card 4111-1111-1111-1111, thanks", "card", "4111-1111-1111-1111"),
        ("4111 1111 1111 1111 12 25 123", "card", "4111 1111 1111 1111"),
        ("amex 378282246310005.", "card", "378282246310005"),
        ("4111\u20131111\u20131111\u20131111", "card", "4111\u20131111\u20131111\u20131111"),
        ("4111  1111  1111  1111", "card", "4111  1111  1111  1111"),
        ("7,4111111111111111", "card", "4111111111111111"),
        ("卡号４１１１１１１１１１１１１１１１。", "card", "４１１１１１１１１１１１１１１１"),
        ("IBAN GB82 WEST 1234 5698 7654 32 is mine", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("code XY99 DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("DE89\u20103704\u00a00044  0532 0130 00", "iban", "DE89\u20103704\u00a00044  0532 0130 00"),
        ("de89370400440532013000", "iban", "de89370400440532013000"),
        ("He lives at 12 Main Street, Springfield", "address", "12 Main Street"),
        ("at 221b Baker St.", "address", "221b Baker St."),
        ("7 West 42nd St Apt. 4", "address", "7 West 42nd St Apt. 4"),
        ("at 12 main street", "address", "12 main street"),
        ("Hauptstraße 5", "address", "Hauptstraße 5"),
        ("12, rue de la Paix", "address", "12, rue de la Paix"),
        ("Via Franscini 71", "address", "Via Franscini 71"),
        ("P.O. Box 149", "address", "P.O. Box 149"),
    ],
)
def test_personal_data_is_found(text, kind, part):
    assert found(text, types=[kind]) == [(kind, part)]


@pytest.mark.parametrize(
    "text",
    [
        "3 steps on the way to 2 places",
        "It cost 1,234,567.89 in 2019.",
        "call 12345",
        "card 4111 1111 1111 1112",
        "9999 9999 9999 9995",
        "GB83 WEST 1234 5698 7654 32",
        "user@localhost and @handle",
        "Spring 2019, Peru 5, Katie 15",
        "3.14159265358979323846",
        "0.4111111111111111 and 4111111111111111.5",
        "4,111,111,111,111,111 and 12,411 1111 1111 1111 1",
        "version 1.2.3.4, page 12 of 345",
        "",
        "对不起，我不能帮助你做这件事。",
    ],
)
def test_what_only_looks_like_it_is_not(text):
    assert found(text) == []


def test_a_national_number_needs_its_region():
    assert found("06 12 34 56 78", types=["phone"]) == []
    assert found("06 12 34 56 78", types=["phone"], regions=["fr"]) == [("phone", "06 12 34 56 78")]


def test_a_card_is_not_also_a_phone():
    assert [kind for kind, _ in found("4111 1111 1111 1111", regions=["US", "GB", "DE"])] == ["card"]


def test_neighbours_are_all_found():
    assert len(found("212-555-0198 020 7946 0018")) == 2
    assert [kind for kind, _ in found("(212) 555-0198 4111 1111 1111 1111")] == ["phone", "card"]


def test_two_cards_with_a_comma_between_are_both_found():
    assert found("4111111111111111,5500000000000004") == [("card", "4111111111111111"), ("card", "5500000000000004")]


def test_only_the_named_types_are_found():
    assert found("a@b.org, (212) 555-0198", types=["phone"]) == [("phone", "(212) 555-0198")]


def test_redaction_names_the_kind():
    assert pii().clean("a@b.org or (212) 555-0198!") == "[EMAIL] or [PHONE]!"


def test_masking_keeps_the_shape():
    assert pii(action="mask").clean("Ask Jo.D@b.org, (212) 555-0198") == "Ask Xx.X@x.xxx, (###) ###-####"
    assert mask("é4 Ж", "x") == "x# X"


def row():
    return Example((Message("system", "a@b.org"), Message("user", "call (212) 555-0198")), "card 4111111111111111")


def test_every_turn_and_answer_is_redacted():
    clean = pii().check(row())
    assert [message.content for message in clean.prompt] == ["[EMAIL]", "call [PHONE]"]
    assert clean.response == "card [CARD]"


def test_only_the_named_part_is_read():
    clean = pii(part="answer").check(row())
    assert clean.prompt == row().prompt
    assert clean.response == "card [CARD]"


def test_dropping_names_the_types():
    assert pii(action="drop").check(row()).reason == "personal data: card, email, phone"
    assert isinstance(pii(action="drop", part="answer").check(row()), Drop)


def test_a_clean_row_is_the_same_object():
    clean = Example((Message("user", "hi"),), "hello")
    assert pii().check(clean) is clean


def test_an_unknown_region_is_refused():
    with pytest.raises(ValidationError, match="'XX' is no two-letter country code"):
        PIIOptions(regions=["XX"])


def test_no_types_are_refused():
    with pytest.raises(ValidationError):
        PIIOptions(types=[])


def test_a_long_text_without_finds_is_fast():
    for text in (
        "a" * 50_000,
        "1" * 50_000,
        "1 " * 25_000,
        "A " * 25_000,
        "a.b-" * 12_000,
        "AB12 " * 2_000,
        "哈" * 50_000,
    ):
        assert found(text) == []


PIECES = st.sampled_from(
    ["a@b.org", "4111 1111 1111 1111", "(212) 555-0198", "12 Main Street", " ", "x", "5", ", ", "哈"]
)


@given(st.lists(PIECES, max_size=8), st.sampled_from(["redact", "mask"]))
def test_cleaning_twice_is_cleaning_once(pieces, action):
    once = pii(action=action).clean("".join(pieces))
    assert pii(action=action).clean(once) == once
