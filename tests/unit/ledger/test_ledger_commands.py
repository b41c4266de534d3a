"""`wayseal ledger` and `wayseal witness` as their users meet them: outputs, files, exit codes."""

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledgersite import (
    LOG,
    LOG_KEYS,
    ORIGIN,
    make_capture,
    make_ledger,
    make_request,
    make_ulid,
    make_witness,
    serve_witness,
)

from wayseal.cli.main import main
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import parse_vkey
from wayseal.ledger.witness import Witness
from wayseal.ledger.witness_setup import create_witness
from wayseal.model.clock import utc_now

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose ledger has 300 entries."""
    make_ledger(tmp_path / "home" / "ledger", 300).close()
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wayseal", "--home", str(home), *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_verify_says_what_holds(run: Run) -> None:
    """The contract's fields, and who signed."""
    code, out, _ = run("ledger", "verify", "--json")
    answer = json.loads(out)
    assert code == 0
    assert {key: answer[key] for key in ("size", "signatures", "cosignatures", "consistent")} == {
        "size": 300, "signatures": 2, "cosignatures": 0, "consistent": True,
    }  # fmt: skip
    assert answer["signed_by"] == [f"{ORIGIN} (Ed25519)", f"{ORIGIN} (ML-DSA-44)"]
    code, out, _ = run("ledger", "verify")
    assert code == 0
    assert answer["root"] in out


def test_verify_of_a_cut_ledger_exits_4(run: Run, home: Path) -> None:
    """A ledger shorter than its checkpoint: exit code 4, the failing index in JSON and on stderr, a hint."""
    (home / "ledger" / "checkpoint").unlink()
    shorter = make_ledger(home / "shorter", 200)
    shorter.close()
    kept = make_ledger(home / "kept", 300)
    (home / "kept.note").write_text(str(kept.latest_checkpoint()))
    kept.close()
    (home / "shorter" / "ledger.sqlite").replace(home / "ledger" / "ledger.sqlite")
    code, out, err = run("ledger", "verify", "--checkpoint", home / "kept.note", "--json")
    answer = json.loads(out)
    assert code == 4
    assert (answer["consistent"], answer["index"], answer["signed"]) == (False, 200, 300)
    assert "hint:" in err


def test_verify_with_somebody_elses_key_exits_4(run: Run) -> None:
    """Keys from elsewhere decide: under another key the ledger is not signed."""
    assert run("ledger", "verify", "--vkey", str(LOG_KEYS[0]))[0] == 0
    other = str(LOG_KEYS[0]).replace(ORIGIN, "other.example")
    assert run("ledger", "verify", "--vkey", other)[0] == 2
    stranger = make_witness_key()
    assert run("ledger", "verify", "--vkey", stranger)[0] == 4


def make_witness_key() -> str:
    """Return a stranger's key under the log's name."""
    from wayseal.ledger.note import KeyKind, VerifierKey

    return str(VerifierKey(ORIGIN, KeyKind.ED25519, b"\x07" * 32))


def test_export_verifies_without_a_home(run: Run, home: Path, tmp_path: Path) -> None:
    """An exported folder verifies with --dir; with a byte changed it exits 4 and names the entry."""
    code, out, _ = run("ledger", "export", tmp_path / "out", "--json")
    assert (code, json.loads(out)["size"]) == (0, 300)
    code, out, _ = run("ledger", "verify", "--dir", tmp_path / "out", "--json")
    assert (code, json.loads(out)["consistent"]) == (0, True)
    bundle = tmp_path / "out" / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(make_ulid(7).encode(), make_ulid(8).encode()))
    code, out, _ = run("ledger", "verify", "--dir", tmp_path / "out", "--json")
    assert (code, json.loads(out)["index"]) == (4, 7)
    assert (home / "ledger" / "ledger.sqlite").is_file()


def test_proof_is_checked_offline(run: Run, tmp_path: Path) -> None:
    """A proof written by `prove` is accepted by `check-proof` under a key and under a policy, and only for its entry."""
    proof, entry, policy = tmp_path / "p.tlog-proof", tmp_path / "entry", tmp_path / "policy"
    assert run("ledger", "prove", 42, "--out", proof, "--entry-out", entry)[0] == 0
    policy.write_text(f"log {LOG_KEYS[0]}\nquorum none\n")
    code, out, _ = run("ledger", "check-proof", proof, "--entry", entry, "--policy", policy, "--json")
    assert (code, json.loads(out)["index"], json.loads(out)["valid"]) == (0, 42, True)
    assert run("ledger", "check-proof", proof, "--entry", entry, "--vkey", LOG_KEYS[1])[0] == 0
    assert run("ledger", "check-proof", proof, "--entry", entry)[0] == 2
    entry.write_bytes(entry.read_bytes() + b" ")
    code, _, err = run("ledger", "check-proof", proof, "--entry", entry, "--policy", policy)
    assert code == 4
    assert "inclusion proof" in err


def test_prove_gives_the_contracts_json(run: Run, tmp_path: Path) -> None:
    """`prove --json` holds the entry and a proof that stands alone; without options the proof itself is printed."""
    code, out, _ = run("ledger", "prove", 7, "--json")
    answer = json.loads(out)
    assert (code, answer["entry"]) == (0, make_capture(7))
    code, out, _ = run("ledger", "prove", 7)
    assert out == answer["proof"]
    assert out.startswith("c2sp.org/tlog-proof@v1\nindex 7\n")
    assert run("ledger", "prove", 300)[0] == 2
    assert not list(tmp_path.glob("*.tlog-proof"))


def test_show_filters_and_formats(run: Run) -> None:
    """Entries are listed by time, type and object, as a table, CSV or JSON."""
    code, out, _ = run("ledger", "show", "--since", "2026-11-22T07:04:58Z", "--json")
    assert (code, [entry["index"] for entry in json.loads(out)]) == (0, [298, 299])
    assert json.loads(run("ledger", "show", "--since", "2026-11-23", "--json")[1]) == []
    assert [
        entry["index"] for entry in json.loads(run("ledger", "show", "--object", make_ulid(9), "--json")[1])
    ] == [9]
    rows = list(
        csv.DictReader(io.StringIO(run("ledger", "show", "--limit", 2, "--type", "capture", "--csv")[1]))
    )
    assert [row["index"] for row in rows] == ["298", "299"]
    assert rows[0]["object"] == make_ulid(298)
    assert "lane-1" in run("ledger", "show", "--limit", 1)[1]
    assert run("ledger", "show", "--since", "yesterday")[0] == 2
    code, out, err = run("ledger", "show", "--type", "open-intend", "--json")
    assert (code, out) == (2, "")
    assert "open-intent" in err


def test_publish_without_a_policy_says_what_to_do(run: Run, tmp_path: Path) -> None:
    """Without a trust policy there is nobody to ask: a hint, exit code 2, no passphrase asked for."""
    code, _, err = run("ledger", "publish", "--passphrase-file", tmp_path / "none")
    assert code == 2
    assert "trust policy" in err


def test_a_site_publishes_to_its_witness(run: Run, home: Path, tmp_path: Path) -> None:
    """A real site with a real witness: published, exported, proven and checked under its policy; without the witness exit 3."""
    shutil.rmtree(home)
    (tmp_path / "passphrase").write_text("six random words are better than one")
    secret = ("--passphrase-file", tmp_path / "passphrase")
    assert run("init", "--evaluation", *secret)[0] == 0
    keys = [parse_vkey(file.read_text()) for file in sorted((home / "ledger").glob("*.vkey"))]
    create_witness(tmp_path / "w1", name="auditor.example/w1", anchor=tmp_path / "w1.anchor")
    witness = Witness(tmp_path / "w1", keys, clock=utc_now)
    with serve_witness(witness) as url:
        own = [f"witness w{place} {key} {url}" for place, key in enumerate(witness.keys)]
        policy = [*(f"log {key}" for key in keys), *own, "group w all w0 w1", "quorum w", ""]
        (home / "ledger" / "policy").write_text("\n".join(policy))
        code, out, _ = run("ledger", "publish", *secret, "--json")
        assert (code, json.loads(out)["quorum"]) == (0, True)
    assert run("ledger", "publish", *secret)[0] == 0, "nothing is new: the kept cosignatures stand"
    assert json.loads(run("ledger", "verify", "--json")[1])["cosignatures"] == 2
    run("ledger", "prove", 0, "--out", tmp_path / "p", "--entry-out", tmp_path / "e")
    assert (
        run(
            "ledger",
            "check-proof",
            tmp_path / "p",
            "--entry",
            tmp_path / "e",
            "--policy",
            home / "ledger" / "policy",
        )[0]
        == 0
    )
    assert run("ledger", "export", tmp_path / "out", "--cosigned")[0] == 0
    assert run("ledger", "verify", "--dir", tmp_path / "out")[0] == 0
    ledger = Ledger(home / "ledger")
    ledger.append([make_capture(1)])
    ledger.close()
    code, out, err = run("ledger", "publish", *secret, "--timeout", "0.5", "--json")
    assert (code, json.loads(out)["quorum"], list(json.loads(out)["failures"])) == (3, False, [url])
    assert "too few witnesses" in err


def test_witness_is_set_up_and_resumed(run: Run, tmp_path: Path) -> None:
    """Init prints keys for the policy; status tells what was cosigned and exits 3 for a copy; resume needs --yes."""
    folder, logs = tmp_path / "w1", [word for key in LOG_KEYS for word in ("--log", str(key))]
    code, out, _ = run("witness", "init", "--dir", folder, "--name", "auditor.example/w1", "--json")
    assert (code, len(json.loads(out)["vkeys"])) == (0, 2)
    assert run("witness", "init", "--dir", folder, "--name", "auditor.example/w1")[0] == 5
    ledger = make_ledger(tmp_path / "other", 5)
    witness = Witness(folder, LOG_KEYS, clock=utc_now)
    answer = witness.add_checkpoint(make_request(ledger, 0))
    (tmp_path / "note").write_text(
        ledger.add_cosignatures(ledger.sign_checkpoint(LOG), answer.text, witness.keys)
    )
    ledger.close()
    code, out, _ = run("witness", "status", "--dir", folder, *logs, "--json")
    assert (code, json.loads(out)["logs"]) == (0, {ORIGIN: 5})
    folder.rename(tmp_path / "moved")
    (tmp_path / "moved" / "place").rename(tmp_path / "place")
    (tmp_path / "moved" / "place").touch()
    assert run("witness", "status", "--dir", tmp_path / "moved", *logs)[0] == 3
    assert run("witness", "run", "--dir", tmp_path / "moved", *logs)[0] == 3
    words = ("witness", "resume", "--dir", tmp_path / "moved", *logs, "--checkpoint", tmp_path / "note")
    assert run(*words)[0] == 2
    assert run(*words, "--yes", "--json")[1] == f'[{{"origin":"{ORIGIN}","size":5}}]\n'
    assert run("witness", "status", "--dir", tmp_path / "moved", *logs)[0] == 0


def test_ledger_on_read_only_media(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy on media that cannot be written verifies, and nothing is written beside it."""
    before = sorted((home / "ledger").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda _, mode: mode != os.W_OK)
        code, out, err = run("ledger", "verify", "--json")
    assert code == 0, err
    assert json.loads(out)["size"] == 300
    assert sorted((home / "ledger").iterdir()) == before


def test_missing_ledger_is_no_new_home(run: Run, home: Path) -> None:
    """Where a ledger's keys are and the ledger is not, somebody took it: exit code 4. Where nothing is, 2."""
    (home / "ledger" / "ledger.sqlite").unlink()
    code, out, err = run("ledger", "verify", "--json")
    assert (code, json.loads(out)["consistent"]) == (4, False)
    assert "is gone" in err
    shutil.rmtree(home / "ledger")
    code, out, err = run("ledger", "verify", "--json")
    assert (code, out) == (2, "")
    assert "wayseal init" in err


@pytest.mark.parametrize("listen", ["7380", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:70000", "256.0.0.1:1"])
def test_bad_addresses_are_refused(run: Run, tmp_path: Path, listen: str) -> None:
    """An address that cannot be listened on is an error with a hint, not a trace."""
    make_witness(tmp_path / "w1")
    code, _, err = run("witness", "run", "--dir", tmp_path / "w1", "--log", LOG_KEYS[0], "--listen", listen)
    assert code in {2, 5}
    assert "hint:" in err


def test_origin_option_limits_the_logs(run: Run, tmp_path: Path) -> None:
    """A key of a log that --origin does not name is refused."""
    make_witness(tmp_path / "w1")
    assert (
        run("witness", "run", "--dir", tmp_path / "w1", "--log", LOG_KEYS[0], "--origin", "other.example")[0]
        == 2
    )


def test_help_names_every_verb(run: Run) -> None:
    """The verbs that the documentation uses exist."""
    for noun, verbs in (
        ("ledger", "verify show prove check-proof export publish"),
        ("witness", "init run resume status"),
    ):
        out = run(noun, "--help")[1]
        for verb in verbs.split():
            assert f"  {verb} " in out
