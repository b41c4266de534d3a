"""The centre's way to its witnesses when something needs their cosignatures before it may go on.

Owns no rule: what must be witnessed first is the policy's, and what counts as witnessed is the keyroom's own pinned policy.
"""

from collections.abc import Callable, Sequence

from wayseal.ledger.checkpoint import Signer
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.publish import publish_checkpoint, require_quorum

POLICY = "policy"
"""The file in the ledger's folder that says whom to ask, and where they are."""
ANSWER_S = 3.0
"""How long somebody who wants to open a picture waits for one witness."""


def open_publisher(ledger: Ledger, signer: Signer) -> Callable[[], str] | None:
    """Return what fetches a checkpoint over all entries with the quorum's cosignatures; None where no witness is named.

    What it returns raises `Refused` when the quorum does not stand.
    """
    file = ledger.folder / POLICY
    if not file.is_file():
        return None

    def publish() -> str:
        done = publish_checkpoint(ledger, signer, parse_policy(file.read_bytes()), timeout_s=ANSWER_S)
        require_quorum(done)
        return done.note

    return publish


def write_policy(ledger: Ledger, log: Sequence[VerifierKey], witnesses: str) -> None:
    """Write whom this site publishes to, with its own log's keys before them. Raises `Invalid` for what is no policy."""
    text = "".join(f"log {key}\n" for key in log) + witnesses
    parse_policy(text)
    (ledger.folder / POLICY).write_text(text, encoding="utf-8")
