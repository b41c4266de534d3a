"""Publish a checkpoint: ask the witnesses for cosignatures until the policy's quorum stands, and keep what they signed.

Owns the log's side of the witness protocol. It must never take a cosignature it has not verified, and never wait for a
witness longer than it was told to.
"""

import base64
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from wayseal.ledger.checkpoint import Checkpoint, Signer, read_checkpoint, verify_signatures
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import Note, VerifierKey, decode_decimal, parse_note, parse_signatures
from wayseal.ledger.policy import Policy
from wayseal.ledger.reader import LedgerReader
from wayseal.model.errors import Invalid, LedgerBroken, Refused, Unavailable, WaysealError

_MAX_ANSWER = 64 * 1024
_OK, _CONFLICT, _INCONSISTENT = 200, 409, 422
_ROUNDS = 3  # requests that one witness can need: first try, correction, evidence


class WitnessRestored(LedgerBroken):
    """A witness knows less than it cosigned: it was put back to an older state, and has been told so."""

    default_hint = "Tell the witness's operator; it signs again after: wayseal witness resume."


class HistoryRefused(LedgerBroken):
    """A witness was shown a history that does not continue the one it cosigned, and says so."""

    default_hint = "Stop appending. The witness has kept both histories: compare them."


class WitnessAhead(LedgerBroken):
    """A witness has cosigned more than this ledger holds: the ledger was put back to an older state, or forked."""

    default_hint = (
        "Stop appending. Compare this ledger with the witness's checkpoint and with exports elsewhere."
    )


@dataclass(slots=True)
class Publication:
    """A checkpoint and what the witnesses said: `note` carries the cosignatures; `failures` says why, a URL."""

    note: str
    quorum: bool
    failures: dict[str, WaysealError] = field(default_factory=dict)


def publish_checkpoint(
    ledger: Ledger, signer: Signer, policy: Policy, *, timeout_s: float = 5.0
) -> Publication:
    """Sign a checkpoint over all entries, collect cosignatures, keep them, and say whether the quorum stands.

    Every reachable witness is asked, at the same time, with `timeout_s` for each answer. A missing quorum is not an
    error here: the caller decides what needs one. Raises `LedgerBroken` when the ledger contradicts what it signed.
    """
    note = ledger.sign_checkpoint(signer)
    parties: dict[str, list[VerifierKey]] = {}
    for party in policy.witnesses.values():
        if party.url is not None:
            parties.setdefault(party.url.rstrip("/"), []).append(party.key)
    publication = Publication(note, quorum=False)
    for url, answer in _ask_all(ledger, note, parties, timeout_s).items():
        try:
            if isinstance(answer, WaysealError):
                raise answer
            publication.note = ledger.add_cosignatures(note, answer, parties[url])
        except WaysealError as error:
            publication.failures[url] = error
    good = verify_signatures(parse_note(publication.note), policy.keys())
    publication.quorum = policy.is_quorum(signature.key for signature in good)
    return publication


def require_quorum(publication: Publication) -> None:
    """Raise `Refused` unless the quorum stands: for whatever needs a witnessed checkpoint first."""
    if not publication.quorum:
        raise Refused(
            "too few witnesses cosigned the checkpoint",
            hint="Start the witnesses that are down and publish again; nothing that is on the ledger is lost.",
            failed=len(publication.failures),
        )


def _ask_all(
    ledger: LedgerReader, note: str, parties: Mapping[str, Sequence[VerifierKey]], timeout_s: float
) -> dict[str, str | WaysealError]:
    """Ask every witness at once and return each one's lines or its failure; one that drips its answer is not waited for."""
    answers: SimpleQueue[tuple[str, str | WaysealError]] = SimpleQueue()

    def ask(url: str) -> None:
        try:
            answers.put((url, ask_witness(ledger, note, url, parties[url], timeout_s=timeout_s)))
        except WaysealError as error:
            answers.put((url, error))

    for url in parties:
        Thread(target=ask, args=(url,), daemon=True).start()
    late = Unavailable("the witness did not answer in time")
    found: dict[str, str | WaysealError] = dict.fromkeys(parties, late)
    deadline = time.monotonic() + _ROUNDS * timeout_s
    for _ in parties:
        try:
            url, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        found[url] = answer
    return found


def ask_witness(
    ledger: LedgerReader, note: str, url: str, keys: Sequence[VerifierKey], *, timeout_s: float
) -> str:
    """Return the cosignature lines of one witness for a checkpoint of the ledger.

    Begins where the ledger last heard from this witness, and follows its correction once. Raises `Invalid` when it
    answers nonsense, `Unavailable` when it refuses or does not answer, `HistoryRefused` when it was shown a fork, `WitnessRestored` or `WitnessAhead` when its state and the ledger's contradict.
    """
    checkpoint = read_checkpoint(note)
    held = ledger.latest_cosigned_by(keys)
    old = 0 if held is None else read_checkpoint(held).size
    status, text = _post(f"{url}/add-checkpoint", _format_request(ledger, old, checkpoint, note), timeout_s)
    if status == _CONFLICT:
        stated = decode_decimal(text.removesuffix("\n"), "the witness's size")
        _judge_stated(stated, checkpoint, held, url, timeout_s)
        status, text = _post(
            f"{url}/add-checkpoint", _format_request(ledger, stated, checkpoint, note), timeout_s
        )
    if status == _INCONSISTENT:
        raise HistoryRefused("a witness found the ledger inconsistent with what it cosigned before", url=url)
    if status != _OK:
        raise Unavailable(
            f"the witness refused with status {status}", hint="Ask its GET /healthz for the reason.", url=url
        )
    if not verify_signatures(Note(str(checkpoint), parse_signatures(text)), keys):
        raise LedgerBroken("the witness answered without a signature of its known key", url=url)
    return text


def _judge_stated(stated: int, checkpoint: Checkpoint, held: str | None, url: str, timeout_s: float) -> None:
    """Raise when the size a witness states cannot be true of an honest witness and an honest ledger."""
    if stated > checkpoint.size:
        raise WitnessAhead(
            "a witness has cosigned more entries than the ledger holds",
            size=checkpoint.size,
            witness=stated,
            url=url,
        )
    if held is not None and stated < read_checkpoint(held).size:
        _post(f"{url}/add-evidence", held.encode(), timeout_s)
        raise WitnessRestored(
            "a witness has forgotten what it cosigned",
            cosigned=read_checkpoint(held).size,
            witness=stated,
            url=url,
        )


def _format_request(ledger: LedgerReader, old: int, checkpoint: Checkpoint, note: str) -> bytes:
    hashes = [base64.b64encode(value).decode() for value in ledger.consistency(old, checkpoint.size)]
    own = tuple(line for line in parse_note(note).signatures if line.name == checkpoint.origin)
    return "\n".join([f"old {old}", *hashes, "", str(Note(str(checkpoint), own))]).encode()


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the policy says where a witness is, and a redirected post would arrive as a plain question."""

    def redirect_request(self, *_: object) -> None:
        """Let the redirect be the answer."""


_DIRECT = urllib.request.build_opener(_StayHere)


def _post(url: str, body: bytes, timeout_s: float) -> tuple[int, str]:
    """Return status and text of one POST to this place and no other. Raises `Unavailable` when there is no answer."""
    request = urllib.request.Request(url, data=body, method="POST", headers={"Content-Type": "text/plain"})  # noqa: S310
    try:
        with _DIRECT.open(request, timeout=timeout_s) as answer:
            return answer.status, _read_text(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read_text(error)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable("the witness does not answer", url=url, reason=type(error).__name__) from None


def _read_text(answer: http.client.HTTPResponse | urllib.error.HTTPError) -> str:
    data = answer.read(_MAX_ANSWER + 1)
    if len(data) > _MAX_ANSWER:
        raise Invalid("the witness's answer is too long")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid("the witness's answer is not UTF-8") from None
