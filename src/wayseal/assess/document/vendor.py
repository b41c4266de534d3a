"""Documents about a vendor: its sweep and the key receipts (p24), its cloud (p25), its contract's clauses (p31)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from wayseal.assess.document.view import DocumentView, Reading, read_document
from wayseal.assess.probe import Seen, broken, judge, not_applicable, probe
from wayseal.model.oversight import Contract

FULL_CYCLE = timedelta(days=90)
YEAR = timedelta(days=366)
CONTRACT_LIFE = timedelta(days=3660)
REQUIRED_CLAUSES = ("incident-notice-24h", "no-vendor-copies", "audit-right")
_HSM = ("hsm", "pkcs11")


@probe("p24", where="document")
def check_erasure_papers(view: DocumentView) -> Seen:
    """Pass when the vendor signed a sweep of its own stores that found nothing, and an HSM's receipts cover every erased epoch.

    A keeper that is no HSM gives no receipts; the ledger's `erase-done` entries are read by the outside part.
    """
    if view.keeper is None or view.erased is None:
        return broken("the assessor was not told the key keeper and the erased epochs")
    faults: list[str] = []
    facts: dict[str, Any] = {"keeper": view.keeper, "erased": len(view.erased)}
    if view.equipment.organisation != view.agency:
        sweep = read_document(view, "vendor-sweep", by=(view.equipment.organisation,), age=FULL_CYCLE)
        faults += sweep.faults or _judge_sweep(view, sweep)
        facts["sweep"] = sweep.facts
    if any(word in view.keeper.lower() for word in _HSM):
        receipts = read_document(view, "destroy-receipts", by=(view.agency,), age=FULL_CYCLE)
        faults += receipts.faults or _judge_receipts(view, receipts)
        facts["receipts"] = receipts.facts
    return judge(faults, "what has expired is gone by the vendor's and the keeper's word too", **facts)


def _judge_sweep(view: DocumentView, sweep: Reading) -> list[str]:
    """Return what is wrong with a vendor's sweep."""
    found, places = sweep.fields.get("found"), sweep.fields.get("places")
    if sweep.fields.get("organisation") != view.equipment.organisation:
        return ["vendor-sweep is of another organisation"]
    if type(places) is not int or places < 1:
        return ["vendor-sweep looked nowhere"]
    return [] if type(found) is int and found == 0 else ["vendor-sweep found pictures at the vendor"]


def _judge_receipts(view: DocumentView, receipts: Reading) -> list[str]:
    """Return that an erased epoch has no receipt."""
    listed = receipts.fields.get("receipts")
    have = (
        {one.get("epoch") for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
    )
    missing = sorted(set(view.erased or ()) - have)
    return [f"{len(missing)} erased epochs have no receipt ({', '.join(missing[:3])})"] if missing else []


@probe("p25", where="document")
def check_cloud_paper(view: DocumentView) -> Seen:
    """Pass when the vendor signed which cloud endpoints its device has and where it stores, since the device last changed.

    What it declares must be what the outside part tries, and storage must be where the contract allows it.
    """
    if view.cloud_told is None or view.contracts is None:
        return broken("the assessor was not told the cloud endpoints and contracts")
    read = read_document(view, "cloud", by=(view.equipment.organisation,), age=YEAR)
    faults = list(read.faults)
    if not faults:
        faults += _judge_cloud(view, read)
    return judge(
        faults, "the declared endpoints are those that were tried", **read.facts, tried=list(view.cloud_told)
    )


def _judge_cloud(view: DocumentView, read: Reading) -> Iterator[str]:
    """Yield what is wrong with a cloud declaration."""
    if read.fields.get("model") != view.equipment.model:
        yield "cloud is about another model"
    endpoints, places = read.fields.get("endpoints"), read.fields.get("storage")
    if not isinstance(endpoints, list) or not isinstance(places, list):
        yield "cloud names no list of endpoints or of places"
        return
    untried = sorted({str(one) for one in endpoints} - set(view.cloud_told or ()))
    if untried:
        yield f"declared endpoints were not tried: {', '.join(untried[:3])}"
    allowed = {one.place for one in _current(view)}
    elsewhere = sorted({str(one) for one in places} - allowed)
    if elsewhere:
        yield f"storage where no contract allows it: {', '.join(elsewhere[:3])}"


@probe("p31", where="document")
def check_clauses(view: DocumentView) -> Seen:
    """Pass when each contract in force has a clause sheet, signed by the agency, with the roster's digest and the three clauses."""
    if view.equipment.organisation == view.agency:
        return not_applicable("the agency's own equipment", organisation=view.agency)
    if view.contracts is None:
        return broken("the assessor was not told the contracts")
    faults: list[str] = []
    facts: dict[str, Any] = {}
    current = _current(view)
    if not current:
        faults.append("no contract is in force for this site")
    for contract in current:
        read = read_document(view, f"contract-clauses.{contract.id}", by=(view.agency,), age=CONTRACT_LIFE)
        faults += read.faults or _judge_clauses(contract, read)
        facts[contract.id] = {**read.facts, "roster_sha256": contract.clauses_sha256}
    good = "24 h notice, no vendor copies and the right to audit are in every contract in force"
    return judge(faults, good, contracts=facts)


def _judge_clauses(contract: Contract, read: Reading) -> list[str]:
    """Return what a clause sheet lacks."""
    if (
        read.fields.get("contract") != contract.id
        or read.fields.get("text_sha256") != contract.clauses_sha256
    ):
        return [f"the clauses of {contract.id} are not of the text on the roster"]
    clauses = read.fields.get("clauses")
    missing = [one for one in REQUIRED_CLAUSES if not isinstance(clauses, list) or one not in clauses]
    return [f"{contract.id} lacks {', '.join(missing)}"] if missing else []


def _current(view: DocumentView) -> list[Contract]:
    """Return the organisation's contracts that are in force at the device's site now."""
    now = view.clock()
    return [
        one
        for one in view.contracts or ()
        if one.organisation == view.equipment.organisation
        and one.site == view.equipment.site
        and one.starts <= now < one.ends
    ]
