"""Probes 13 and 14: what was booted, and which firmware is there, against the component definition.

The PCR values read here are the host's own word. `collector.verify_bundle` compares them with what the TPM signed.
"""

from wayseal.assess.host.facts import BOOT_PCRS
from wayseal.assess.host.signed import read_signed
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, failed, judge, probe

PCR_FOLDER = "/sys/class/tpm/tpm0/pcr-sha256"


def read_pcrs(view: HostView) -> dict[str, str]:
    """Return the SHA-256 values (lower-case hex) of the boot PCRs by number, as far as the kernel shows them."""
    values = {str(number): view.read_text(f"{PCR_FOLDER}/{number}") for number in BOOT_PCRS}
    return {number: value.lower() for number, value in values.items() if value}


@probe("p13", where="host")
def check_boot(view: HostView) -> Seen:
    """Pass when every boot PCR has its declared value and the root is the signed verity partition."""
    golden, values = dict(view.facts.pcrs), read_pcrs(view)
    if not view.exists("/sys/class/tpm/tpm0"):
        return failed("no TPM: nothing shows what was booted", devices=view.list_names("/sys/class/tpm"))
    if not golden or view.facts.verity_root is None:
        return broken("the component definition declares no measurements of the boot", pcrs=values)
    faults = [
        f"PCR {number} is not as declared"
        for number in map(str, BOOT_PCRS)
        if number not in golden or values.get(number) != golden[number]
    ]
    root = find_verity_root(view)
    if root != view.facts.verity_root:
        faults.append(f"the root partition has verity hash {root or 'none'}, not the signed one")
    return judge(faults, "booted as declared, from the signed root", pcrs=values, verity_root=root)


def find_verity_root(view: HostView) -> str | None:
    """Return the root hash of the kernel's command line, when a verity device is there to enforce it."""
    options = (view.read_text("/proc/cmdline") or "").split()
    root = next((word.partition("=")[2] for word in options if word.startswith("roothash=")), None)
    mappings = (view.read_text(f"/sys/block/{name}/dm/uuid") or "" for name in view.list_names("/sys/block"))
    return root if any(one.startswith("CRYPT-VERITY-") for one in mappings) else None


@probe("p14", where="host")
def check_firmware(view: HostView) -> Seen:
    """Pass when BIOS version and every declared firmware image are as declared, and each image is signed."""
    facts = view.facts
    if not facts.firmware and facts.bios_version is None:
        return broken("the component definition declares no firmware")
    faults, digests = list[str](), dict[str, str]()
    bios = view.read_text("/sys/class/dmi/id/bios_version")
    if bios != facts.bios_version:
        faults.append(f"the BIOS version is {bios or 'not shown'}, not {facts.bios_version or 'declared'}")
    for name, declared in facts.firmware.items():
        data, unsigned = read_signed(view, name)
        if unsigned:
            faults.append(unsigned)
        if data is not None:
            digests[name] = view.digest(name)
            faults += [] if digests[name] == declared else [f"{name} is not the declared version"]
    return judge(faults, "firmware is signed and as declared", bios_version=bios, images=digests)
