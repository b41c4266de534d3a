"""Every error Wayseal raises on purpose, with its exit code, HTTP status and a hint on what to do next.

The tree has five branches; a caller that fails closed catches `WaysealError` and does nothing more. Messages and
diagnostics never carry personal data: no plate text, no traveller, no pixel, no key.
"""

from typing import ClassVar


class WaysealError(Exception):
    """Something Wayseal refuses or cannot do. `str()` is one line; `hint` says what to do next."""

    exit_code: ClassVar[int] = 5
    http_status: ClassVar[int] = 500
    default_hint: ClassVar[str] = "Try again; if it stays, report it with the facts above."

    def __init__(self, message: str, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.hint = hint if hint is not None else self.default_hint
        self.facts = facts

    def diagnostics(self) -> str:
        """Return what went wrong, the facts at hand and the hint, as lines a person can read at two in the morning."""
        lines = [f"error: {self}"]
        lines += [f"  {name}: {value}" for name, value in self.facts.items()]
        lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class Refused(WaysealError):  # noqa: N818 - the domain's word, used in code, screens and docs
    """Policy says no. Nothing was opened, written or changed."""

    exit_code = 3
    http_status = 403
    default_hint = "Ask the site's privacy officer which purpose and role permit this."


class NoIntent(Refused):
    """A key was asked for without an inclusion proof of the matching intent entry (log before decrypt)."""

    default_hint = "Log the intent first: wayseal release request RECORD --purpose PURPOSE."


class Unwitnessed(Refused):
    """The rules want the witnesses' cosignatures over the intent before anything opens."""

    default_hint = "Start the witnesses that are down and try again: wayseal ledger publish says which."


class Unapproved(Refused):
    """The rules want a second person's word before anything opens."""

    default_hint = "Ask a colleague of another role: wayseal release approve RELEASE. Then open it again."


class NotArmed(Refused):
    """The lane holds no key for the current epoch, so it may not photograph anybody."""

    default_hint = (
        "Fetch the roster again; a lane without a fresh assessment or notice gets no next epoch key."
    )


class QuotaExceeded(Refused):
    """The principal has spent its allowance of openings."""

    http_status = 429
    default_hint = "Wait for the allowance to refill, or ask for a witnessed bulk release."


class Integrity(WaysealError):  # noqa: N818
    """Bytes are not what their signer made. Nothing was changed."""

    exit_code = 4
    http_status = 422
    default_hint = "Keep the bytes as evidence, do not repair them, and tell the security officer."


class SealBroken(Integrity):
    """A sealed record's header, wraps, body or signature was altered, or the key is not its key."""


class LedgerBroken(Integrity):
    """A checkpoint, proof or entry does not verify, or two checkpoints contradict each other."""

    default_hint = "Keep both checkpoints: together they are the proof. Tell the witnesses and the auditor."


class WrongModel(Integrity):
    """A model file is not the pinned one, or two templates come from different models."""

    default_hint = "Install the pinned file again: wayseal models install."


class NotFound(WaysealError):  # noqa: N818
    """There is no such thing here."""

    exit_code = 2
    http_status = 404
    default_hint = "List what there is: the same noun with 'list'."


class Erased(NotFound):
    """The record's epoch key was destroyed. Nobody can open it any more, and that is the promise."""

    exit_code = 3
    http_status = 410
    default_hint = "Nothing can bring it back. wayseal ledger prove shows the erasure entry."


class Unavailable(WaysealError):  # noqa: N818
    """A part that is needed does not answer or is not there."""

    default_hint = "Check that the service runs and that the disk is not full, then try again."
    http_status = 503


class KeeperLocked(Unavailable):
    """The key keeper did not open: no passphrase, a wrong one, or no device."""

    exit_code = 3
    http_status = 403
    default_hint = "Give the right passphrase with --passphrase-file FILE or WAYSEAL_PASSPHRASE_FILE."


class StoreFull(Unavailable):
    """The disk or store took no more bytes; nothing was acknowledged that was not written."""

    http_status = 507
    default_hint = "Free disk space; the lane's outbox sends again what was not receipted."


class Invalid(WaysealError):  # noqa: N818
    """The input cannot be used."""

    exit_code = 2
    http_status = 400
    default_hint = "See the command's --help for what it takes."


class BadPicture(Invalid):
    """A picture or video that cannot be decoded, or is beyond the limits."""

    default_hint = "Check that the file opens elsewhere; pictures up to 100 megapixels, JPEG, PNG, WebP, TIFF, PGM or BMP."
