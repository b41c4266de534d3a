"""Probe 5: disks are encrypted, random blocks of them show no picture, and the spool holds sealed records only.

Reads raw blocks and hands them to the carver that the caller brought; what is found is told by kind and place, never shown.
"""

import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from wayseal.assess.host.blocks import (
    BOOT_MOUNTS,
    find_luks,
    list_disks,
    list_mounts,
    mapping_of,
    open_disk,
    verified_extents,
)
from wayseal.assess.host.spool import KEY_KIND, read_spool
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, judge, probe

BLOCK: Final = 256 * 1024
BLOCKS: Final = 128
"""How many blocks of each disk are read: 32 MiB. Their places follow from the assessor's nonce, outside verified partitions."""


KDF_MEMORY: Final = 32 * 1024
"""KiB that Argon2id must take at least: what cryptsetup chooses on the smallest hosts."""


@dataclass(slots=True)
class _Look:
    """What one run of the probe has found so far."""

    faults: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@probe("p05", where="host")
def check_disks(view: HostView) -> Seen:
    """Pass when every file system is under LUKS2 with Argon2id, no block shows plaintext, and the spool is all sealed."""
    look = _Look()
    _check_encryption(view, look)
    _check_blocks(view, look)
    _check_spool(view, look)
    return judge(look.faults, "disks are encrypted and show no plaintext; the spool is sealed", **look.facts)


def _check_encryption(view: HostView, look: _Look) -> None:
    """Judge each mounted file system and the LUKS headers under it."""
    headers, mounts = set[str](), dict[str, str]()
    for mount in list_mounts(view):
        luks = find_luks(view, mount.device)
        verity = mount.read_only and mapping_of(view, mount.device).startswith("CRYPT-VERITY-")
        mounts[mount.place] = "luks2" if luks else "verity" if verity else "plain"
        headers.update(luks or ())
        if luks is None and not verity and mount.place not in BOOT_MOUNTS:
            look.faults.append(f"{mount.place} is not encrypted ({mount.device})")
    if not mounts:
        look.faults.append("no mounted disk was found to judge")
    look.facts["mounts"] = mounts
    look.facts["headers"] = {name: _check_header(view, name, look) for name in sorted(headers)}


def _check_header(view: HostView, name: str, look: _Look) -> dict[str, Any]:
    """Judge one LUKS2 header by what cryptsetup says of it; salts and digests are left out of the evidence."""
    dumped = view.run(["cryptsetup", "luksDump", "--dump-json-metadata", str(view.path(f"/dev/{name}"))])
    if dumped.code:
        look.faults.append(f"/dev/{name} has no LUKS2 header")
        return {}
    header = json.loads(dumped.output)
    kdfs = sorted({slot["kdf"]["type"] for slot in header["keyslots"].values()})
    weak = [
        slot for slot in header["keyslots"].values() if slot["kdf"].get("memory", KDF_MEMORY) < KDF_MEMORY
    ]
    ciphers = sorted({part.get("encryption", part["type"]) for part in header["segments"].values()})
    if kdfs and kdfs != ["argon2id"]:
        look.faults.append(f"/dev/{name} has a key slot with {', '.join(kdfs)}, not argon2id alone")
    if weak:
        look.faults.append(
            f"/dev/{name} has a key slot whose Argon2id takes less than {KDF_MEMORY // 1024} MiB"
        )
    if any(not cipher.startswith("aes-xts") for cipher in ciphers):
        look.faults.append(f"/dev/{name} is under {', '.join(ciphers)}, not aes-xts")
    return {"kdf": kdfs, "cipher": ciphers}


def _check_blocks(view: HostView, look: _Look) -> None:
    """Carve blocks of every disk at places that the nonce chooses, and say where something was."""
    look.facts["blocks"] = {}
    disks = list_disks(view)
    for name in disks:
        try:
            look.facts["blocks"][name] = _sample_disk(view, name, look)
        except OSError as error:
            look.faults.append(f"/dev/{name} cannot be read ({type(error).__name__})")
    if not disks:
        look.faults.append("no disk was found to read")


def _sample_disk(view: HostView, name: str, look: _Look) -> dict[str, Any]:
    """Carve blocks of one disk and return what was read and found."""
    verified = verified_extents(view, name)
    file, size = open_disk(view, name)
    with file:
        places = _choose_blocks(view.nonce + name.encode(), size, verified)
        found = [hit for place in places for hit in _carve_block(view, file, place)]
    if found:
        at, kind = found[0]
        look.faults.append(f"/dev/{name} shows plaintext in {len(found)} places ({kind} at byte {at})")
    return {
        "read": len(places),
        "block_bytes": BLOCK,
        "verified_bytes": str(sum(end - start for start, end in verified)),
        "found": [[str(at), kind] for at, kind in found[:20]],
    }


def _choose_blocks(seed: bytes, size: int, verified: Sequence[tuple[int, int]]) -> list[int]:
    """Return the numbers of up to 128 different blocks of a disk, none of which lies in a verified extent."""
    count = max(1, -(-size // BLOCK))
    chance = random.Random(seed)  # noqa: S311 - reproducible by the assessor, no secret
    numbers = range(count) if count <= BLOCKS else (chance.randrange(count) for _ in range(50 * BLOCKS))
    chosen: set[int] = set()
    for number in numbers:
        first, end = number * BLOCK, (number + 1) * BLOCK
        if len(chosen) < BLOCKS and not any(first < stop and start < end for start, stop in verified):
            chosen.add(number)
    return sorted(chosen)


def _carve_block(view: HostView, file: BinaryIO, place: int) -> list[tuple[int, str]]:
    """Return byte and kind of what the carver finds in one block of an open disk, keys left aside."""
    file.seek(place * BLOCK)
    found = view.carve(io.BytesIO(file.read(BLOCK)))
    return [(place * BLOCK + at, kind) for at, kind in found if not kind.startswith(KEY_KIND)]


def _check_spool(view: HostView, look: _Look) -> None:
    """Judge the spool: sealed records in segments, and no plaintext in anything that lies beside them."""
    if not view.exists(view.facts.spool):
        look.faults.append(f"there is no spool at {view.facts.spool}")
        return
    spool = read_spool(view)
    look.facts["spool"] = {
        "files": spool.files,
        "records": spool.records,
        "read_bytes": spool.read_bytes,
        "unsealed_inodes": spool.unsealed[:50],
        "plaintext": [[inode, kind] for inode, kind in spool.plaintext[:50]],
    }
    if spool.unsealed:
        where = f"find {view.facts.spool} -inum {spool.unsealed[0]}"
        look.faults.append(f"{len(spool.unsealed)} files in the spool are not of sealed records ({where})")
    if spool.plaintext:
        inode, kind = spool.plaintext[0]
        look.faults.append(f"the spool shows plaintext ({kind}; find {view.facts.spool} -inum {inode})")
