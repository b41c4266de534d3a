"""Probes 3 and 4: USBGuard's settings, not merely its presence, and where its events go.

USBGuard's own parser judges the rules' grammar; what a rule may say is judged here. Debian's default settings fail.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wayseal.assess.host.processes import find_process, read_arguments
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, failed, judge, probe

DAEMON: Final = "usbguard-daemon"
CONFIG: Final = "/etc/usbguard/usbguard-daemon.conf"
ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "ImplicitPolicyTarget": ("block", "reject"),
    "PresentDevicePolicy": ("block", "reject", "apply-policy"),
    "PresentControllerPolicy": ("block", "reject", "apply-policy", "keep"),
    "InsertedDevicePolicy": ("block", "reject", "apply-policy"),
    "AuthorizedDefault": ("none",),
    "RestoreControllerDeviceState": ("false",),
    "DeviceManagerBackend": ("uevent",),
}
"""The values that each setting may have. A setting that is not written down fails: defaults change between versions."""

_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}]|[^\s{}"#]+)')
"""One word of a rule: a value with its quotes, a brace, or a name."""

_PRIVILEGE = re.compile(r"^\s*(Devices|Policy|Parameters|ALL)\s*=.*\b(modify|ALL)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's settings, and those that are written twice with different values."""

    values: Mapping[str, str]
    contradicting: tuple[str, ...]


def config_path(view: HostView) -> str:
    """Return the settings file that the running daemon was given, or the usual one: of several the last, as getopt takes them."""
    daemon = find_process(view, DAEMON)
    words = iter(read_arguments(view, daemon)[1:] if daemon else [])
    found = CONFIG
    for word in words:
        if not word.startswith("-"):
            continue
        flags = re.match(r"-([^clp]*)([clp]?)(.*)", word, re.DOTALL)
        if flags is not None and flags[2]:
            value = flags[3] or next(words, "")
            found = value if flags[2] == "c" else found
    return found


def read_settings(view: HostView) -> Settings | None:
    """Return the daemon's settings, or None when there is no such file."""
    text = view.read_text(config_path(view))
    if text is None:
        return None
    values, twice = dict[str, str](), set[str]()
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            name, value = name.strip(), value.strip()
            if values.setdefault(name, value) != value:
                twice.add(name)
    return Settings(values, tuple(sorted(twice)))


@probe("p03", where="host")
def check_usbguard(view: HostView) -> Seen:
    """Pass when the daemon runs, refuses by default, obeys root alone, and allows exact devices in exact ports only."""
    settings = read_settings(view)
    if settings is None:
        return failed("USBGuard has no settings file", path=config_path(view))
    faults = [] if find_process(view, DAEMON) else ["usbguard-daemon does not run"]
    faults += [f"{name} is set twice" for name in settings.contradicting]
    for name, allowed in ALLOWED.items():
        value = settings.values.get(name)
        if value not in allowed:
            faults.append(f"{name} is {value or 'not set'}, not {' or '.join(allowed)}")
    faults += _check_callers(view, settings.values)
    files, rules = _rule_files(view, settings.values)
    if not files:
        return failed("; ".join([*faults, "no rule file can be read"]), settings=_show(settings))
    for file in files:
        parsed = view.run(["usbguard-rule-parser", "-f", str(view.path(file))])
        if parsed.code:
            faults.append(f"{file} is not a rule file (parser exit code {parsed.code})")
        faults += [f"{file} may be written by others than root"] if _is_loose(view, file) else []
    faults += [fault for file, text in rules.items() for fault in _check_rules(file, text)]
    good = "USBGuard refuses by default, obeys root alone and allows exact devices only"
    digests = {file: view.digest(file) for file in files}
    return judge(faults, good, settings=_show(settings), rule_files=digests)


def _show(settings: Settings) -> dict[str, str | None]:
    """Return the settings that the judgement is about."""
    names = (
        *ALLOWED,
        "AuditBackend",
        "IPCAllowedUsers",
        "IPCAllowedGroups",
        "IPCAccessControlFiles",
        "RuleFile",
    )
    return {name: settings.values.get(name) for name in names}


def _check_callers(view: HostView, values: Mapping[str, str]) -> list[str]:
    """Return who besides root may change what the daemon allows."""
    users, groups = values.get("IPCAllowedUsers", "").split(), values.get("IPCAllowedGroups", "").split()
    faults = [f"user {name} may change authorisations" for name in users if name != "root"]
    faults += [f"group {name} may change authorisations" for name in groups if name != "root"]
    if not users and not groups:
        faults.append(
            "anybody may change authorisations: neither IPCAllowedUsers nor IPCAllowedGroups is set"
        )
    folder = values.get("IPCAccessControlFiles", "")
    for name in view.list_names(folder) if folder else ():
        text = view.read_text(f"{folder}/{name}") or ""
        if name not in ("root", ":root", "root:root") and any(map(_PRIVILEGE.match, text.splitlines())):
            faults.append(f"access file {name} lets others than root change authorisations")
    return faults


def _rule_files(view: HostView, values: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the rule files that are there, and their texts."""
    folder = values.get("RuleFolder", "")
    names = [f"{folder.rstrip('/')}/{name}" for name in view.list_names(folder)] if folder else []
    named = [values["RuleFile"]] if values.get("RuleFile") else []
    texts = {name: view.read_text(name) for name in (*named, *names)}
    found = {name: text for name, text in texts.items() if text is not None}
    return list(found), found


def _is_loose(view: HostView, file: str) -> bool:
    """Say whether group or others may write a file."""
    return bool(view.path(file).stat().st_mode & 0o022)


def _check_rules(file: str, text: str) -> list[str]:
    """Return what is wrong with the rules of a file: each `allow` must name one device and one port."""
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        rule = line.strip()
        if rule.startswith("allow") and not is_exact(rule):
            faults.append(f"{file}:{number} allows a device without serial or hash and port")
    return faults


def is_exact(rule: str) -> bool:
    """Say whether an `allow` rule names its device by serial or hash, and its port; sets of values will do, exclusions not.

    A value in quotes is never an attribute: a device may call itself `serial`.
    """
    words, at = list[str](), 0
    while (match := _WORD.match(rule, at)) is not None:
        at = match.end()
        words += [match[1]] if match[1] else []
    if rule[at:].lstrip()[:1] not in ("", "#"):
        return False
    return (_names_some(words, "serial") or _names_some(words, "hash")) and _names_some(words, "via-port")


def _names_some(words: list[str], attribute: str) -> bool:
    """Say whether an attribute has values in quotes, none of which is empty, and no exclusion before them."""
    if attribute not in words:
        return False
    after = words[words.index(attribute) + 1 :]
    if after[:1] in (["one-of"], ["equals"], ["all-of"], ["equals-ordered"]):
        after = after[1:]
    end = after.index("}") if "}" in after else 0
    values = after[1:end] if after[:1] == ["{"] else after[:1]
    return bool(values) and all(value.startswith('"') and value != '""' for value in values)


@probe("p04", where="host")
def check_audit(view: HostView) -> Seen:
    """Pass when USBGuard reports to the kernel's audit, auditd takes it, and the kernel was not started without it."""
    settings = read_settings(view)
    if settings is None:
        return failed("USBGuard has no settings file", path=config_path(view))
    options = (view.read_text("/proc/cmdline") or "").split()
    backend, daemon = settings.values.get("AuditBackend"), find_process(view, "auditd")
    if not options:
        return broken("the kernel's command line cannot be read")
    faults = [] if backend == "LinuxAudit" else [f"AuditBackend is {backend or 'not set'}, not LinuxAudit"]
    faults += [] if daemon else ["auditd does not run"]
    last = next((word.partition("=")[2] for word in reversed(options) if word.startswith("audit=")), "1")
    faults += [f"the kernel was started with audit={last}"] if last.lower() in ("0", "off") else []
    return judge(
        faults, "device events go to the audit log", audit_backend=backend, auditd=daemon is not None
    )
