"""`wayseal incident`, as a privacy officer would use it after somebody looked at a picture that they should not have seen."""

from pathlib import Path

from session import Session

PAST, FUTURE = "2020-01-01T00:00:00.000Z", "2086-01-01T00:00:00.000Z"


def find_open(ws: Session) -> str:
    """Return the one incident that is not closed."""
    (known,) = ws.call("incident", "list", "--open", "--json").json
    return str(known["incident"])


def test_01_before(ws: Session, video: Path) -> None:
    """A vehicle passed, and one picture was opened by somebody under a purpose of theirs."""
    assert ws.call("init", "--evaluation").code == 0
    assert ws.call("gallery", "import", video.parent / "gallery.csv", "--gallery", "port").code == 0
    seen = ws.call("lane", "run", "--source", video, "--lane", "lane-1", "--gallery", "port", "--json")
    assert seen.code == 0, seen.err
    record = next(one["record"] for one in seen.lines[0]["occupants"] if one["record"])
    who = ("--as", "staff-7", "--role", "privacy_officer", "--json")
    asked = ws.call("release", "request", record, "--purpose", "traveller_request", *who)
    assert asked.code == 0, asked.err
    assert ws.call("release", "open", asked.json["release"], *who).code == 0


def test_02_scope_without_an_incident(ws: Session) -> None:
    """The contract's figures: one picture proven opened, all others of the vehicle reachable, all of them live."""
    answer = ws.call("incident", "scope", "--principal", "staff-7", "--since", PAST, "--json")
    assert answer.code == 0, answer.err
    scope = answer.json
    assert scope.keys() >= {
        "images", "people", "lanes", "days", "classes", "proven_opened", "reachable", "still_live", "already_erased",
        "root", "proofs",
    }  # fmt: skip
    assert scope["proven_opened"] == 1
    assert scope["images"] == scope["still_live"] == scope["reachable"] >= 3
    assert scope["lanes"] == {"lane-1": scope["images"]}
    assert scope["people"] >= 1
    assert "proven opened" in ws.call("incident", "scope", "--principal", "staff-7", "--since", PAST).out


def test_03_a_vendor_reaches_nothing(ws: Session) -> None:
    """An organisation without people or devices here could have reached nothing that policy forbids it."""
    scope = ws.call(
        "incident",
        "scope",
        "--principal",
        "nobody-here",
        "--since",
        PAST,
        "--until",
        "2020-01-02T00:00:00Z",
        "--json",
    )
    assert (scope.json["images"], scope.json["proven_opened"]) == (0, 0)


def test_04_a_device_is_exposed_until_it_is_assessed(ws: Session) -> None:
    """All that a lane photographed counts as seen live while nobody has assessed it."""
    lane = ws.call("incident", "scope", "--device", "lane-1", "--since", PAST, "--json").json
    whole = ws.call("incident", "scope", "--principal", "staff-7", "--since", PAST, "--json").json
    assert (lane["images"], lane["proven_opened"]) == (whole["images"], 0)
    unknown = ws.call("incident", "scope", "--device", "lane-9", "--since", PAST)
    assert unknown.code == 2
    assert "hint:" in unknown.err


def test_05_open_and_clocks(ws: Session) -> None:
    """Opening starts the clocks: the agency knows with the opening, the legislature must be told."""
    answer = ws.call(
        "incident", "open", "--principal", "staff-7", "--since", PAST, "--reason", "looked-without-need",
        "--detected", "2020-02-01T00:00:00Z", "--as", "privacy-1", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    duties = {duty["duty"]: duty for duty in answer.json["duties"]}
    assert duties["vendor-to-agency"]["overdue"], "detected years before it was opened here"
    assert duties["vendor-to-agency"]["met"] == answer.json["opened"]
    assert not duties["legislature"]["overdue"]
    assert 0 < duties["legislature"]["seconds_left"] <= 7 * 86400
    shown = ws.call("incident", "show", find_open(ws), "--json")
    assert shown.code == 0
    assert next(d for d in shown.json["duties"] if d["duty"] == "legislature")["due"] is None, (
        "under 100,000 people"
    )


def test_06_was_i_in_it(ws: Session) -> None:
    """A traveller who passed learns of their pass, a stranger of none, and the ledger knows of both answers but not of whom."""
    (line,) = ws.call("encounter", "list", "--json").json
    matched = next(one for one in line["occupants"] if one["outcome"] == "match")
    traveller = matched["candidates"][0]["traveller"]
    incident = find_open(ws)
    mine = ws.call("incident", "ask", incident, "--traveller", traveller, "--as", "privacy-1", "--json").json
    (passed,) = mine["concerned"]
    assert (passed["lane"], passed["proven_opened"]) == ("lane-1", 1)
    assert passed["pictures_concerned"] == passed["still_live"] >= 3
    stranger = ws.call(
        "incident", "ask", incident, "--traveller", "somebody-else", "--as", "privacy-1", "--json"
    ).json
    assert (stranger["passes"], stranger["concerned"]) == (0, [])
    entry = ws.call("ledger", "show", "--type", "answer", "--json")
    assert entry.code == 0, entry.err
    assert traveller not in entry.out


def test_07_erased_pictures_stay_in_the_count(ws: Session) -> None:
    """After their hour the pictures are erased; the incident still counts them, now as already erased."""
    before = ws.call("incident", "scope", find_open(ws), "--json").json
    assert ws.call("retention", "run", "--as-of", FUTURE, "--yes", "--json").code == 0
    after = ws.call("incident", "scope", find_open(ws), "--json").json
    assert (after["images"], after["still_live"]) == (before["images"], 0)
    assert after["already_erased"] == before["images"]
    assert after["proven_opened"] == 1


def test_08_notify_contain_close(ws: Session) -> None:
    """Telling somebody, containing and closing are entries; a closed incident takes no more."""
    incident = find_open(ws)
    told = ws.call("incident", "notify", incident, "--to", "legislature", "--as", "privacy-1", "--json").json
    assert [one["recipient"] for one in told["notified"]] == ["legislature"]
    early = ws.call("incident", "close", incident, "--as", "privacy-1")
    assert (early.code, "contained first" in early.err) == (3, True)
    assert (
        ws.call("incident", "contain", incident, "--as", "privacy-1", "--json").json["status"] == "contained"
    )
    assert ws.call("incident", "close", incident, "--as", "privacy-1", "--json").json["status"] == "closed"
    again = ws.call("incident", "notify", incident, "--to", "press", "--as", "privacy-1")
    assert again.code == 3
    assert "hint:" in again.err
    assert ws.call("incident", "list", "--open", "--json").json == []
    assert ws.call("incident", "list", "--csv").out.startswith("incident,status")


def test_09_pack_verifies_anywhere(ws: Session, tmp_path: Path) -> None:
    """The evidence pack counts again without the home; an altered one is an integrity failure; a full folder is refused."""
    (known,) = ws.call("incident", "list", "--json").json
    folder = tmp_path / "pack"
    packed = ws.call("incident", "pack", known["incident"], folder, "--json")
    assert packed.code == 0, packed.err
    (pack,) = ws.call("incident", "show", known["incident"], "--json").json["packs"]
    assert f"ledger entry {pack['index']}" in ws.call("incident", "show", known["incident"]).out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Already erased" in page
    assert "Controls coordinated at every site" in page
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    keys = sorted((ws.home / "ledger").glob("log-*.vkey"))
    trust = [word for key in keys for word in ("--trust", str(key))]
    away = Session(tmp_path / "nowhere", tmp_path / "nothing", ws.capture)
    counted = away.call("incident", "verify", folder, *trust, "--json")
    assert counted.code == 0, counted.err
    assert counted.json["images"] == packed.json["scope"]["images"]
    assert not counted.json["own_keys"]
    assert ws.call("incident", "pack", known["incident"], folder).code == 2
    entries = folder / "ledger" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"staff-7", b"staff-8"))
    assert away.call("incident", "verify", folder).code == 4


def test_10_wrong_input(ws: Session) -> None:
    """No subject, two subjects, an unknown incident, a span that ends before it begins: usage errors, nothing written."""
    size = ws.call("ledger", "verify", "--json").json["size"]
    two = ("--principal", "a", "--device", "b", "--since", PAST)
    assert ws.call("incident", "scope", "--since", PAST).code == 2
    assert ws.call("incident", "scope", *two).code == 2
    assert ws.call("incident", "scope").code == 2
    assert ws.call("incident", "show", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH").code == 2
    backwards = ("--since", "2021-01-01T00:00:00Z", "--until", PAST, "--reason", "x")
    assert ws.call("incident", "open", "--principal", "a", *backwards).code == 2
    later = ("--since", PAST, "--until", FUTURE, "--reason", "x")
    assert ws.call("incident", "open", "--principal", "a", *later).code == 2
    assert ws.call("ledger", "verify", "--json").json["size"] == size
