"""Rows of organisations, their contracts, their people, and what was returned or destroyed when a contract ended."""

import json

from sqlalchemy import Connection, RowMapping, select

from wayseal.model.errors import NotFound
from wayseal.model.oversight import Contract, Person, ReturnCertificate, Standing, Tier, Vendor
from wayseal.store.rows import put_row
from wayseal.store.schema_oversight import contracts, organisations, people, returns


def put_vendor(connection: Connection, vendor: Vendor) -> None:
    """Write an organisation."""
    values = {
        "id": vendor.id, "tier": vendor.tier.value, "under": vendor.under, "registered_at": vendor.registered_at,
        "standing": vendor.standing.value, "standing_at": vendor.standing_at or vendor.registered_at,
        "standing_index": vendor.standing_index,
    }  # fmt: skip
    put_row(connection, organisations, values)


def find_vendor(connection: Connection, vendor: str) -> Vendor | None:
    """Return an organisation, or None when it is not registered."""
    row = connection.execute(select(organisations).where(organisations.c.id == vendor)).mappings().first()
    return None if row is None else _vendor(row)


def get_vendor(connection: Connection, vendor: str) -> Vendor:
    """Return an organisation. Raises `NotFound`."""
    found = find_vendor(connection, vendor)
    if found is None:
        raise NotFound(
            "no such organisation is registered",
            hint="Register it first: wayseal vendor add; those there are: wayseal vendor list.",
            organisation=vendor,
        )
    return found


def list_vendors(connection: Connection) -> list[Vendor]:
    """Return every organisation, in order of id."""
    rows = connection.execute(select(organisations).order_by(organisations.c.id)).mappings()
    return [_vendor(row) for row in rows]


def put_contract(connection: Connection, contract: Contract) -> None:
    """Write a contract."""
    values = {
        "id": contract.id, "organisation": contract.organisation, "site": contract.site,
        "permitted_data": json.dumps(list(contract.permitted_data)), "place": contract.place, "starts": contract.starts,
        "ends": contract.ends, "clauses_sha256": contract.clauses_sha256,
    }  # fmt: skip
    put_row(connection, contracts, values)


def get_contract(connection: Connection, contract: str) -> Contract:
    """Return one contract. Raises `NotFound`."""
    row = connection.execute(select(contracts).where(contracts.c.id == contract)).mappings().first()
    if row is None:
        raise NotFound("no such contract is registered", hint="wayseal vendor show ID", contract=contract)
    return _contract(row)


def list_contracts(connection: Connection, *, organisation: str | None = None) -> list[Contract]:
    """Return contracts, of one organisation where named, oldest end first."""
    chosen = select(contracts).order_by(contracts.c.ends, contracts.c.id)
    if organisation is not None:
        chosen = chosen.where(contracts.c.organisation == organisation)
    return [_contract(row) for row in connection.execute(chosen).mappings()]


def put_person(connection: Connection, person: Person) -> None:
    """Write somebody's staff id with what access depends on."""
    values = {
        "id": person.id, "organisation": person.organisation, "role": person.role,
        "training_until": person.training_until, "left_at": person.left_at,
    }  # fmt: skip
    put_row(connection, people, values)


def find_person(connection: Connection, person: str) -> Person | None:
    """Return somebody by staff id, or None when nobody is registered under it."""
    row = connection.execute(select(people).where(people.c.id == person)).mappings().first()
    return None if row is None else Person(**row)


def list_people(connection: Connection, *, organisation: str | None = None) -> list[Person]:
    """Return people, of one organisation where named, in order of staff id."""
    chosen = select(people).order_by(people.c.id)
    if organisation is not None:
        chosen = chosen.where(people.c.organisation == organisation)
    return [Person(**row) for row in connection.execute(chosen).mappings()]


def put_return(connection: Connection, certificate: ReturnCertificate) -> None:
    """Write a certificate of return or destruction."""
    values = {
        "id": certificate.id, "contract": certificate.contract, "returned": certificate.returned,
        "destroyed": certificate.destroyed, "signed_by": certificate.signed_by, "signed_at": certificate.signed_at,
    }  # fmt: skip
    put_row(connection, returns, values)


def list_returns(connection: Connection, *, contract: str | None = None) -> list[ReturnCertificate]:
    """Return certificates, of one contract where named, oldest first."""
    chosen = select(returns).order_by(returns.c.id)
    if contract is not None:
        chosen = chosen.where(returns.c.contract == contract)
    return [ReturnCertificate(**row) for row in connection.execute(chosen).mappings()]


def _vendor(row: RowMapping) -> Vendor:
    return Vendor(**{**row, "tier": Tier(row["tier"]), "standing": Standing(row["standing"])})


def _contract(row: RowMapping) -> Contract:
    return Contract(**{**row, "permitted_data": tuple(json.loads(row["permitted_data"]))})
