"""Trials of the export ceremony in a home of their own: the site's rules and limits, made-up approvers, a picture of nobody.

On the live site nobody's approval may be faked and nothing may leave, so the ceremony is tried where both are harmless. The home
has fresh keys and is removed afterwards; what it proves is what these rules and this program do.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg

from wayseal.export.approval import encode_approval, sign_approval
from wayseal.flow.consent import give_approval, show_ballot
from wayseal.flow.disclose import Disclosure, Wanted, request_export
from wayseal.flow.drill.records import keep_record
from wayseal.flow.handover import release_export
from wayseal.flow.parcel import RecipientBox
from wayseal.flow.partners import add_approver, add_recipient, enrol_own_key
from wayseal.flow.policy import Principal
from wayseal.model.custody import Kind
from wayseal.model.disclosure import Export
from wayseal.model.errors import Refused, WaysealError
from wayseal.seal.keys import SigningIdentity
from wayseal.station.centre import CENTRE
from wayseal.station.exports import open_disclosure, open_partners

if TYPE_CHECKING:
    from wayseal.station.site import Site

RECIPIENT = "trial-court"
REQUESTER = "trial-requester"
_SIDE = 160


def make_trial(site: "Site") -> Callable[[Sequence[Sequence[str]]], list[bool]]:
    """Return what tries exports, each with one approval of each of its organisations; see `flow.drill.view.ExportTrial`."""

    def run(ceremonies: Sequence[Sequence[str]]) -> list[bool]:
        with open_trial(site) as trial:
            desk = _open_desk(trial)
            return [
                _hold_ceremony(trial, desk, f"approver-{number}", organisations)
                for number, organisations in enumerate(ceremonies)
            ]

    return run


def _hold_ceremony(trial: "Site", desk: Disclosure, stem: str, organisations: Sequence[str]) -> bool:
    """Request an export, let made-up approvers sign, and say whether it was released."""
    export = _ask(trial, desk)
    for number, organisation in enumerate(organisations):
        _approve(trial, desk, export, f"{stem}-{number}", organisation)
    return _is_released(desk, _requester(trial), export)


@contextmanager
def open_trial(site: "Site") -> Iterator["Site"]:
    """Give a home with the site's rules and export limits, fresh keys and nothing else; it is removed afterwards."""
    from wayseal.station.settings import load_settings  # noqa: PLC0415
    from wayseal.station.site import Site, init_site  # noqa: PLC0415 - the site's own module uses this one
    from wayseal.station.site_facts import read_facts  # noqa: PLC0415 - as above

    rules = (site.home / "policy" / "site.cedar").read_text(encoding="utf-8")
    passphrase = secrets.token_hex(16).encode()
    with tempfile.TemporaryDirectory(prefix="wayseal-trial-") as folder:
        home = Path(folder) / "home"
        init_site(
            home, passphrase, evaluation=True, name="trial", organisation=site.settings.organisation, rules=rules,
            clock=site.clock,
        )  # fmt: skip
        settings = load_settings(home).model_copy(update={"export": site.settings.export})
        with Site(home, read_facts(home), settings, passphrase, site.clock) as trial:
            yield trial


def _requester(trial: "Site") -> Principal:
    return trial.principal(REQUESTER, "privacy_officer")


def _open_desk(trial: "Site") -> Disclosure:
    """Put the centre on the roster, register a recipient, and return the desk of exports."""
    trial.keyroom.publish_roster(trial.ledger, devices={CENTRE: trial.keys.identity.public})
    box = RecipientBox.create(RECIPIENT, trial.home / RECIPIENT, secrets.token_hex(16).encode())
    card = box.card("court")
    add_recipient(
        open_partners(trial, REQUESTER), card.name, organisation=card.organisation, form=card.form, key=card.key,
        receipt_key=card.receipt_key,
    )  # fmt: skip
    return open_disclosure(trial)


def _ask(trial: "Site", desk: Disclosure) -> Export:
    """Seal a picture of nobody, and request its export."""
    record = keep_record(
        trial.archive, trial.store, Kind.FACE, trial.settings.retention.default_class, paint_nobody()
    )
    rules = desk.rules
    wanted = Wanted(
        records=[record.header.object_id], recipient=RECIPIENT, purpose=min(rules.purposes),
        legal_basis=min(rules.legal_bases), expires_at=trial.clock() + min(rules.longest, timedelta(days=1)),
    )  # fmt: skip
    return request_export(desk, _requester(trial), wanted)


def paint_nobody() -> bytes:
    """Return a JPEG of noise, large enough for a mark."""
    noise = np.frombuffer(secrets.token_bytes(_SIDE * _SIDE * 3), np.uint8) // 4 + 90
    return bytes(simplejpeg.encode_jpeg(noise.reshape(_SIDE, _SIDE, 3).astype(np.uint8), quality=95))


def _approve(trial: "Site", desk: Disclosure, export: Export, name: str, organisation: str) -> None:
    """Let a made-up approver sign; an approval that is not taken is simply not there."""
    signer = SigningIdentity(name, secrets.token_bytes(32))
    add_approver(open_partners(trial, REQUESTER), name, organisation=organisation, role="export_approver")
    enrol_own_key(open_partners(trial, REQUESTER), name, signer.public)
    ballot = show_ballot(desk, export.id)
    approval = sign_approval(
        export.id, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=signer
    )
    try:
        give_approval(desk, encode_approval(approval))
    except Refused:
        return


def _is_released(desk: Disclosure, who: Principal, export: Export) -> bool:
    """Say whether the export was handed over; whatever stopped it, it was not."""
    try:
        release_export(desk, who, export.id)
    except WaysealError:
        return False
    return True
