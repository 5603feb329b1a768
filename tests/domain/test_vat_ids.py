"""VAT numbers: written in any way, checked to the last digit. Made-up numbers, agreed with a second implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.vat_ids import CheckedVat, check_vat, normalize_vat

VALID = {
    "AT": "U13585627 U97299752 U76426565 U31258153 U52611491",
    "BE": "0428759497 0068689064 0693646703 1033358519 1165664737 428759497",
    "BG": "175074752 457579760 156638690 871337465 224829285 129327983 7523169263 8032056031 3418799268",
    "CH": "107787577 576688419 358469686 974498229MWST 526146441TVA 749799224IVA 100155212TPV",
    "CY": "10259033P 92654328Q 87113521T 61111481P 38374999Z",
    "CZ": "25123891 73971332 48962317 12718297 7103192745",
    "DE": "136695976 423245586 747634129 339514393 369622839",
    "DK": "13585628 14273344 59946331 65789183 24137198",
    "EE": "100931558 253443579 722146569 333885578 929986658",
    "ES": "A13585625 J99216582 54362315K X2482300W K1234567L 67885536R F1726464I S2772588F W6614732C",
    "FI": "20774740 87521238 53435382 18711126 94271476",
    "FR": "40303265045 23334175221 K7399859412 4Z123456782 M1672636149 4R391511847 5J969156249",
    "GB": "980780684 154182378 340804329 GD001 GD499 HA500 HA999",
    "GR": "094259216 545884962 984341455 456167914 483628544",
    "HR": "33392005961 41936718768 63861994883 11514698578 09474374582",
    "HU": "12892312 26126881 21454521 84116727 61323568",
    "IE": "6433435F 6433435OA 8D79739I 3923475W 2652111O 1819766L",
    "IT": "00743110157 47792430762 08514680878 51124770861",
    "LT": "119511515 100001919017 100004801610 758965989410 903188616",
    "LU": "15027442 85839781 43692221 33745556",
    "LV": "40003521600 89243591225 83748437838 16117519997",
    "MT": "11679112 54625775 41255392 38211791 25237926",
    "NL": "004495445B01 123456789B13 229518874B03 883369874B89",
    "NO": "995525828 269736925MVA 431722976 647194516",
    "PL": "8567346215 9491754278 3497328378 1244769861",
    "PT": "501964843 914862219 587556811 281688478",
    "RO": "18547290 7948393 685486329 661184455 15982",
    "SE": "123456789701 797437854401 664404296901",
    "SI": "50223054 38539853 62172255 77912497",
    "SK": "2022749619 3321090652 6740175475 9234438697",
}
PREFIX = {"GR": "EL", "CH": "CHE"}
EACH = [(country, body) for country, bodies in VALID.items() for body in bodies.split()]
# Their last digit is a check digit, so that no other can be right.
LAST_IS_CHECK = set("AT BE CH CZ DE DK EE FI GR HR HU IT LU MT PL PT SI SK".split())


@pytest.mark.parametrize(("country", "body"), EACH)
def test_a_right_number_is_ok_with_and_without_its_prefix(country: str, body: str) -> None:
    whole = PREFIX.get(country, country) + body
    assert check_vat(whole, country) == CheckedVat(whole, "ok")
    assert check_vat(body, country) == CheckedVat(whole, "ok")


@pytest.mark.parametrize(("country", "body"), [row for row in EACH if row[0] in LAST_IS_CHECK])
def test_no_other_check_digit_is_accepted(country: str, body: str) -> None:
    place = len(body.rstrip("MWSTVAIP")) - 1
    for digit in set("0123456789") - {body[place]}:
        assert check_vat(body[:place] + digit + body[place + 1 :], country).code == "vat_checksum"


@pytest.mark.parametrize(
    ("country", "body"),
    [("BG", "175074751"), ("BG", "7523169264"), ("CY", "10259033Q"), ("CY", "12000138V"), ("ES", "A13585626"),
     ("ES", "54362315L"), ("ES", "X2482300X"), ("ES", "K1234567S"), ("ES", "F1726464J"), ("ES", "Y2482300W"),
     ("FR", "41303265045"), ("FR", "40303265046"), ("FR", "K8399859412"), ("FR", "K7399859420"), ("FR", "4Y123456782"),
     ("GB", "980780685"), ("GB", "980780689"), ("IE", "6433435E"), ("IE", "6433435OB"), ("IE", "8D79739J"),
     ("LT", "119511516"), ("LT", "100001919018"), ("LT", "100004801611"), ("LV", "40003521601"), ("LV", "40003521690"),
     ("NL", "004495446B01"), ("NL", "123456789B14"), ("NO", "995525829"), ("RO", "18547291"), ("SE", "123456789801"),
     ("CZ", "7103192746"), ("BE", "0428759498")],
)  # fmt: skip
def test_a_wrong_check_digit_is_named(country: str, body: str) -> None:
    assert check_vat(body, country).code == "vat_checksum"


@pytest.mark.parametrize(
    ("country", "text"),
    [("DE", ""), ("DE", "DE"), ("DE", "13669597"), ("DE", "1366959760"), ("DE", "036695976"), ("DE", "DE13669597X"),
     ("AT", "13585627"), ("BE", "2428759497"), ("CZ", "95123891"), ("FR", "IO303265045"), ("GB", "GD500"),
     ("GB", "HA499"), ("GB", "9807806841"), ("IE", "6433435X"), ("IT", "00000000000"), ("LT", "119511525"),
     ("NL", "004495445B00"), ("NL", "004495445C01"), ("PT", "001964843"), ("RO", "1"), ("SE", "123456789702"),
     ("ES", "I13585625"), ("DE", "١٣٦٦٩٥٩٧٦"), ("CH", "CH107787577"), ("NO", "995525828MWST")],
)  # fmt: skip
def test_a_number_that_is_written_wrongly_is_named(country: str, text: str) -> None:
    assert check_vat(text, country).code == "vat_format"


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("DE136695976", "AT"),
        ("ATU13585627", "DE"),
        ("EL094259216", "DE"),
        ("XI980780684", "IE"),
        ("CHE107787577", "FR"),
    ],
)
def test_a_number_of_another_country_is_named(text: str, country: str) -> None:
    assert check_vat(text, country).code == "vat_country"


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [(" de 136.695.976 ", "DE", "DE136695976"), ("be-0428.759.497", "BE", "BE0428759497"),
     ("gr 094 259 216", "GR", "EL094259216"), ("el094259216", "GR", "EL094259216"),
     ("CHE-107.787.577 MWST", "CH", "CHE107787577MWST"), ("xi 980 7806 84", "GB", "XI980780684"),
     ("GB980780684", "GB", "GB980780684"), ("atu13585627", "AT", "ATU13585627"), ("1367/82", "", "136782"),
     ("395601439", "CZ", "CZ395601439"),
     ("ＤＥ１３６６９５９７６", "DE", "DE136695976"), ("DE\u2013136695976", "DE", "DE136695976"),
     ("DE\u00a0136695976", "DE", "DE136695976")],
)  # fmt: skip
def test_every_way_of_writing_has_one_normal_form(text: str, country: str, number: str) -> None:
    assert check_vat(text, country) == CheckedVat(number, "ok")


@pytest.mark.parametrize(
    ("text", "code"),
    [("51 824 753 556", "ok"), ("T123", "ok"), ("T12", "vat_format"), ("", "vat_format"), ("A" * 20, "ok"),
     ("A" * 21, "vat_format"), ("AB#12", "vat_format")],
)  # fmt: skip
def test_a_country_without_a_rule_takes_letters_and_digits(text: str, code: str) -> None:
    assert check_vat(text, "AU").code == code


@given(st.text(max_size=20), st.sampled_from(sorted(VALID)))
def test_any_text_gets_an_answer(text: str, country: str) -> None:
    assert check_vat(text, country).code in {"ok", "vat_format", "vat_checksum", "vat_country"}


@given(st.sampled_from(EACH), st.lists(st.sampled_from(list(" .-\u2013/")), max_size=4), st.integers(0, 20))
def test_separators_and_case_never_matter(row: tuple[str, str], marks: list[str], place: int) -> None:
    country, body = row
    written = (body[:place] + "".join(marks) + body[place:]).lower()
    assert check_vat(written, country) == check_vat(body, country)
    assert normalize_vat(normalize_vat(written)) == normalize_vat(written)
