"""Jurisdictions: the shipped table, priors, evidence, and whose plate it is."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.errors import Invalid
from wayseal.vision.plate.grammar import (
    Grammar,
    Jurisdiction,
    load_jurisdictions,
    parse_jurisdictions,
    pattern_of,
)
from wayseal.vision.plate.recognise import ALPHABET

STATES = [
    "AL",
    "AK",
    "AZ",
    "AR",
    "CA",
    "CO",
    "CT",
    "DE",
    "DC",
    "FL",
    "GA",
    "HI",
    "ID",
    "IL",
    "IN",
    "IA",
    "KS",
    "KY",
    "LA",
    "ME",
    "MD",
    "MA",
    "MI",
    "MN",
    "MS",
    "MO",
    "MT",
    "NE",
    "NV",
    "NH",
    "NJ",
    "NM",
    "NY",
    "NC",
    "ND",
    "OH",
    "OK",
    "OR",
    "PA",
    "RI",
    "SC",
    "SD",
    "TN",
    "TX",
    "UT",
    "VT",
    "VA",
    "WA",
    "WV",
    "WI",
    "WY",
]
PROVINCES = ["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"]
EUROPE = [
    "AT",
    "BE",
    "BG",
    "HR",
    "CY",
    "CZ",
    "DK",
    "EE",
    "FI",
    "FR",
    "DE",
    "GR",
    "HU",
    "IE",
    "IT",
    "LV",
    "LT",
    "LU",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SK",
    "SI",
    "ES",
    "SE",
]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    """Return the shipped grammar."""
    return Grammar(load_jurisdictions())


def test_table_is_complete() -> None:
    """All fifty states and the district, all provinces, the European Union, Mexico and Brazil are in the table, once."""
    codes = [one.code for one in load_jurisdictions()]
    wanted = (
        {f"US-{code}" for code in STATES} | {f"CA-{code}" for code in PROVINCES} | set(EUROPE) | {"MX", "BR"}
    )
    assert wanted <= set(codes)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("text", "code"), [("KT7H2R", "US-MO"), ("5QRV204", "US-CA"), ("ABC1D23", "BR"), ("1234BCD", "ES")]
)
def test_series_are_known(grammar: Grammar, text: str, code: str) -> None:
    """A plate of a known series is likelier than one that follows none, and its issuer is among the possible ones."""
    issuers = [one for one in load_jurisdictions() if one.code == code]
    assert Grammar(issuers).fits_series(text)
    assert grammar.log_odds(text) > grammar.log_odds("X9" * 3 + "X"[: len(text) - 6])


@given(st.text(ALPHABET, min_size=1, max_size=10))
def test_every_string_stays_possible(text: str) -> None:
    """A grammar weighs; it never forbids: vanity plates of any make keep a finite weight."""
    odds = Grammar(load_jurisdictions()).log_odds(text)
    assert math.isfinite(odds)


def test_grammar_settles_lookalikes(grammar: Grammar) -> None:
    """Where the series wants a digit, the digit outweighs its look-alike: 7GAV066 against ZGAV066, NR300DG against NR3OODG."""
    short, wide = grammar.weigh_evidence((), 2.6), grammar.weigh_evidence((), 4.0)
    assert grammar.log_odds("7GAV066", short) > grammar.log_odds("ZGAV066", short)
    assert grammar.log_odds("NR300DG", wide) > grammar.log_odds("NR3OODG", wide)


def test_shape_tells_continents(grammar: Grammar) -> None:
    """The same string is likelier European on a wide number and American on a short one."""
    wide, short = grammar.weigh_evidence((), 4.0), grammar.weigh_evidence((), 2.6)
    assert wide["SK"] > wide["US-TX"]
    assert short["US-TX"] > short["SK"]


def test_region_from_words(grammar: Grammar) -> None:
    """A printed state's name, even misread by a letter, names the region of an otherwise ambiguous number."""
    assert grammar.guess_region("ABC1234").code is None
    for seen in ("TEXAS", "TEXA5"):
        guess = grammar.guess_region("ABC1234", grammar.weigh_evidence((seen,)))
        assert guess.code == "US-TX"
        assert 0.6 <= guess.probability <= 1.0


def test_printed_words_are_no_plates(grammar: Grammar) -> None:
    """What issuers print beside the number is recognised as such; numbers are not."""
    assert grammar.is_printed("CALIFORNIA")
    assert grammar.is_printed("LONISIANA")
    assert not grammar.is_printed("LGT582")


@pytest.mark.parametrize(
    "row",
    [
        {"code": "X"},
        {"code": "X", "name": "x", "weight": 0, "patterns": ["AA9"]},
        {"code": "X", "name": "x", "weight": 1, "patterns": ["AB9"]},
        {"code": "X", "name": "x", "weight": 1, "patterns": []},
        {"code": "X", "name": "x", "weight": 1, "patterns": ["AA9"], "shape": "round"},
    ],
)
def test_malformed_table_refused(row: dict[str, object]) -> None:
    """A site's own table with a mistake is refused, not half used."""
    with pytest.raises(Invalid):
        parse_jurisdictions({"jurisdiction": [row]})


def test_empty_table_refused() -> None:
    """A grammar needs at least one jurisdiction."""
    with pytest.raises(Invalid):
        Grammar([])
    with pytest.raises(Invalid):
        parse_jurisdictions({})


def test_own_series_counts() -> None:
    """A site that adds a series makes its plates likelier there."""
    home = Jurisdiction("XX", "Home", 1.0, ("9A9A9A",))
    assert Grammar([home]).log_odds("1B2C3D") > Grammar(load_jurisdictions()).log_odds("1B2C3D")
    assert pattern_of("1B2C3D") == "9A9A9A"


def test_reference_page_is_complete() -> None:
    """The reference page lists every jurisdiction with its series, as the table has them."""
    page = (Path(__file__).resolve().parents[4] / "docs" / "reference" / "jurisdictions.md").read_text(
        "utf-8"
    )
    for one in load_jurisdictions():
        assert f"| {one.code} | {one.name} |" in page
        assert f"| {' '.join(one.patterns)} |" in page


def test_district_codes_count() -> None:
    """A number that begins with a district code is likelier than one that cannot; the other stays possible."""
    issuer = Jurisdiction("XX", "Somewhere", 1.0, ("AA999AA",), starts=frozenset({"BA", "RK"}))
    limited, open_ended = (
        Grammar([issuer]),
        Grammar([Jurisdiction("XX", "Somewhere", 1.0, ("AA999AA",))]),
    )
    assert limited.log_odds("RK605AB") > open_ended.log_odds("RK605AB") + math.log(100)
    assert limited.log_odds("RX605AB") < open_ended.log_odds("RX605AB")
    assert limited.fits_series("BA302OZ")
    assert not limited.fits_series("OA302OZ")


def test_district_codes_by_shape() -> None:
    """A code limits only series that begin with its shape, and a short code not those with a longer first run."""
    (issuer,) = parse_jurisdictions(
        {
            "jurisdiction": [
                {
                    "code": "XX",
                    "name": "Somewhere",
                    "weight": 1,
                    "patterns": ["9A99999", "AA99AAA", "A99AAA", "999AAA"],
                    "starts": "#B B CJ",
                }
            ]
        }
    )
    assert issuer.starts_of("9A99999") == {f"{digit}B" for digit in range(10)}
    assert issuer.starts_of("AA99AAA") == {"CJ"}
    assert issuer.starts_of("A99AAA") == {"B"}
    assert issuer.starts_of("999AAA") == set()
    grammar = Grammar([issuer])
    assert grammar.fits_series("1B25790")
    assert not grammar.fits_series("1O25790")
    assert grammar.fits_series("123ABC")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NI302OZ", "SK"),
        ("EV104AA", "SK"),
        ("AA001AB", "SK"),
        ("WA56660", "PL"),
        ("WSG3021", "PL"),
        ("KU217BI", "AT"),
    ],
)
def test_checked_codes_fit(text: str, code: str) -> None:
    """Numbers with the codes of the checked lists fit their issuer's series: later codes, codes without a district, old plates."""
    assert Grammar([one for one in load_jurisdictions() if one.code == code]).fits_series(text)


@pytest.mark.parametrize(("text", "code"), [("QA302AZ", "SK"), ("BA56660", "PL"), ("XX217BI", "AT")])
def test_unknown_codes_do_not_fit(text: str, code: str) -> None:
    """A beginning that a country never issued fits none of its series, however right the rest."""
    assert not Grammar([one for one in load_jurisdictions() if one.code == code]).fits_series(text)


def test_codes_settle_lookalikes(grammar: Grammar) -> None:
    """On a wide plate a Slovak code and series outweigh the same shapes read as a series that has no such code."""
    wide = grammar.weigh_evidence((), 3.9)
    assert grammar.log_odds("BA302OZ", wide) > grammar.log_odds("BA3020Z", wide) + math.log(10)
