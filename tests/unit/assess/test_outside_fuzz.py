"""Whatever a device sends, no probe breaks, hangs or passes by it: hypothesis against the parsers and the whole exchanges."""

import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netparts import NOW, answer, listen, make_equipment
from paperparts import KEYS, make_view, sign_paper
from paperparts import PAPERS as RIGHT

from wayseal.assess.document.device import check_bill, check_feed, check_firmware, check_locks
from wayseal.assess.document.vendor import check_cloud_paper, check_erasure_papers
from wayseal.assess.document.view import Document
from wayseal.assess.outside.clocks import Reading, read_answer
from wayseal.assess.outside.listener import find_tokens
from wayseal.assess.outside.login import read_challenges
from wayseal.assess.outside.stream import probe_streams, read_code
from wayseal.assess.outside.view import Camera, OutsideView
from wayseal.assess.outside.wire import Exchange, State, exchange
from wayseal.assess.probe import Seen
from wayseal.model.clock import to_text
from wayseal.model.oversight import Result

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PAPERS = {
    "port-locks": (check_locks, "agency", ("date", "equipment", "serial", "ports", "photo_sha256")),
    "firmware": (check_firmware, "opteq", ("date", "model", "sha256")),
    "sbom": (check_bill, "opteq", ("bomFormat", "metadata", "components")),
    "vulnerability-feed": (check_feed, "agency", ("date", "vulnerabilities")),
    "vendor-sweep": (check_erasure_papers, "opteq", ("date", "organisation", "places", "found")),
    "cloud": (check_cloud_paper, "opteq", ("date", "model", "endpoints", "storage")),
}


@given(st.binary(max_size=100))
def test_time_answers(data: bytes) -> None:
    """Bytes that a time server may send give a reading or a fault, never an exception."""
    reading = read_answer(data, NOW, NOW)
    assert isinstance(reading, Reading)
    assert (reading.offset is None) == bool(reading.fault)


@given(st.binary(max_size=300))
def test_login_challenges(data: bytes) -> None:
    """Any head gives a list of challenges, with lower-case schemes."""
    for head in (data, b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + data + b"\r\n\r\n"):
        for scheme, fields in read_challenges(head):
            assert scheme == scheme.lower()
            assert isinstance(fields, dict)


@given(st.binary(max_size=200))
def test_codes_and_tokens(data: bytes) -> None:
    """An answer's code is a protocol and a number or a word of ours, and tokens are hexadecimal: nothing else gets into evidence."""
    code = read_code(Exchange(State.ANSWERED, data))
    assert code in {"other", "nothing"} or set(code) <= set(string.ascii_letters + string.digits + "/. _-:")
    assert len(code) <= 12
    assert all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in find_tokens(data))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_any_banner(data: bytes) -> None:
    """A plain service that sends anything at all is never taken for a safe camera, and its bytes are in no evidence."""
    with listen(answer(data)) as plain:
        camera = Camera("camera1", plain, "/lane", "00" * 32, default_logins=())
        view = OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=20.0, cameras=(camera,))
        seen = probe_streams(view)
        assert exchange(plain, b"x", limit_s=20.0).data[:1] == data[:1]
    assert seen.result is not Result.PASS
    assert len(seen.evidence) < 4000


def look(name: str, fields: object) -> Seen:
    """Judge a properly signed paper."""
    part, by, _ = PAPERS[name]
    data = json.dumps(fields).encode()
    view = make_view()
    return part(make_view(documents={**view.documents, name: Document(data, KEYS[by].sign(data), NOW)}))


@given(st.sampled_from(sorted(PAPERS)), JSON)
def test_any_paper(name: str, value: object) -> None:
    """A signed paper that is any JSON at all fails its part and breaks nothing."""
    assert look(name, value).result is Result.FAIL


@given(st.sampled_from(sorted(PAPERS)), st.data())
def test_any_field(name: str, data: st.DataObject) -> None:
    """A signed paper in order, with any value in any one place, breaks no part, and its evidence stays small."""
    part, by, names = PAPERS[name]
    right = {"date": to_text(NOW), **RIGHT[name][1]}
    field = data.draw(st.sampled_from(names))
    value = data.draw(JSON)
    view = make_view()
    paper = sign_paper({**right, field: value}, by)
    seen = part(make_view(documents={**view.documents, name: paper}))
    assert seen.result in {Result.PASS, Result.FAIL}
    if seen.result is Result.PASS and field not in {
        "date",
        "ports",
        "components",
        "vulnerabilities",
        "places",
        "storage",
    }:
        assert value == right[field] or field == "endpoints"
    assert len(seen.evidence) < 4000
