"""Probe 16: settings against hardening rules, judged rule by rule and never by a total.

The rule ids are those of the SCAP Security Guide, so that a site that runs OpenSCAP can lay both results side by side; those that
begin with `wayseal` are our own.
"""

import fnmatch
import getopt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wayseal.assess.host.processes import list_processes, read_arguments
from wayseal.assess.host.view import HostView, Run
from wayseal.assess.probe import Seen, failed, judge, probe

SYSCTLS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "sysctl_kernel_dmesg_restrict": ("kernel/dmesg_restrict", ("1",)),
    "sysctl_kernel_kptr_restrict": ("kernel/kptr_restrict", ("1", "2")),
    "sysctl_kernel_randomize_va_space": ("kernel/randomize_va_space", ("2",)),
    "sysctl_kernel_kexec_load_disabled": ("kernel/kexec_load_disabled", ("1",)),
    "sysctl_kernel_unprivileged_bpf_disabled": ("kernel/unprivileged_bpf_disabled", ("1", "2")),
    "sysctl_kernel_yama_ptrace_scope": ("kernel/yama/ptrace_scope", ("1", "2", "3")),
    "sysctl_kernel_perf_event_paranoid": ("kernel/perf_event_paranoid", ("2", "3", "4")),
    "sysctl_fs_protected_hardlinks": ("fs/protected_hardlinks", ("1",)),
    "sysctl_fs_protected_symlinks": ("fs/protected_symlinks", ("1",)),
    "sysctl_fs_suid_dumpable": ("fs/suid_dumpable", ("0",)),
    "sysctl_net_ipv4_ip_forward": ("net/ipv4/ip_forward", ("0",)),
    "sysctl_net_ipv4_tcp_syncookies": ("net/ipv4/tcp_syncookies", ("1",)),
    "sysctl_net_ipv4_conf_all_accept_redirects": ("net/ipv4/conf/all/accept_redirects", ("0",)),
    "sysctl_net_ipv4_conf_all_accept_source_route": ("net/ipv4/conf/all/accept_source_route", ("0",)),
    "sysctl_net_ipv4_conf_all_send_redirects": ("net/ipv4/conf/all/send_redirects", ("0",)),
}
"""Rule id -> the setting below `/proc/sys`, and the values that keep the rule."""

ABSENT_IS_KEPT: Final = frozenset(
    (
        "sysctl_kernel_kexec_load_disabled",
        "sysctl_kernel_unprivileged_bpf_disabled",
        "sysctl_kernel_perf_event_paranoid",
    )
)
"""Settings that a kernel lacks only when it lacks what they restrain."""

_SSHD: Final = "/etc/ssh/sshd_config"
_SSHD_PROGRAM: Final = "/usr/sbin/sshd"
_SSHD_OPTIONS: Final = "46dDeGiqrRtTVC:E:b:c:f:g:h:k:o:p:u:"
"""The options of sshd(8), those with a colon have a value."""
_PROBED_AS: Final = "user=root,host=localhost,addr=127.0.0.1"
"""For whom the running server's own word is asked; other `Match` blocks are judged from the files."""
_INCLUDE_DEPTH: Final = 16
_SSH_RULES: Final = {
    "sshd_disable_root_login": ("permitrootlogin", ("no",)),
    "sshd_disable_empty_passwords": ("permitemptypasswords", ("no",)),
    "sshd_disable_password_auth": ("passwordauthentication", ("no",)),
    "wayseal_sshd_keyboard_interactive": ("kbdinteractiveauthentication", ("no",)),
}
_SSH_DEFAULTS: Final = {
    "permitrootlogin": "prohibit-password",
    "permitemptypasswords": "no",
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
}
_SSH_OLD_NAMES: Final = {"challengeresponseauthentication": "kbdinteractiveauthentication"}


@probe("p16", where="host")
def check_rules(view: HostView) -> Seen:
    """Pass when every rule is kept; the evidence has each rule's value."""
    values = _read_sysctls(view)
    broken = [rule for rule, value in values.items() if not _keeps(rule, value)]
    checks: dict[str, Callable[[HostView], str | None]] = {
        "accounts_no_uid_except_zero": _check_accounts,
        "no_empty_passwords": _check_passwords,
        "file_permissions_etc_shadow": _check_shadow_mode,
    }
    for rule, check in checks.items():
        wrong = check(view)
        values[rule] = wrong or "kept"
        broken += [rule] if wrong else []
    for rule, value, kept in _check_sshd(view):
        values[rule] = value
        broken += [] if kept else [rule]
    if view.read_text("/etc/passwd") is None:
        return failed("the list of accounts is not there", rules=values)
    listed = ", ".join(broken[:5]) + (" and more" if len(broken) > 5 else "")
    faults = [f"{len(broken)} of {len(values)} rules are broken: {listed}"] if broken else []
    return judge(faults, f"all {len(values)} rules are kept", rules=values, broken=broken)


def _read_sysctls(view: HostView) -> dict[str, str | None]:
    """Return the value of each kernel setting by rule id; None for one that this kernel does not have."""
    return {rule: view.read_text(f"/proc/sys/{name}") for rule, (name, _) in SYSCTLS.items()}


def _keeps(rule: str, value: str | None) -> bool:
    """Say whether a kernel setting keeps its rule; one that cannot be read breaks it, but for the few of `ABSENT_IS_KEPT`."""
    return rule in ABSENT_IS_KEPT if value is None else value in SYSCTLS[rule][1]


def _fields(view: HostView, name: str) -> list[list[str]]:
    """Return the lines of a colon-separated file."""
    return [line.split(":") for line in (view.read_text(name) or "").splitlines() if ":" in line]


def _check_accounts(view: HostView) -> str | None:
    """Say how many accounts besides root have its number."""
    others = [
        one for one in _fields(view, "/etc/passwd") if len(one) > 2 and one[2] == "0" and one[0] != "root"
    ]
    return f"{len(others)} other accounts with uid 0" if others else None


def _check_passwords(view: HostView) -> str | None:
    """Say how many accounts need no password."""
    empty = [one for one in _fields(view, "/etc/shadow") if one[1] == ""]
    return f"{len(empty)} accounts without a password" if empty else None


def _check_shadow_mode(view: HostView) -> str | None:
    """Say whether others than root and its group may read or write the password hashes."""
    if not view.exists("/etc/shadow"):
        return "not there"
    mode = view.path("/etc/shadow").stat().st_mode & 0o777
    return f"mode {mode:04o}" if mode & 0o037 else None


def _check_sshd(view: HostView) -> list[tuple[str, str, bool]]:
    """Return rule, value and whether it is kept, for each way in which an SSH server was started; nothing without one.

    A server that listens is judged as it was started, whatever the usual file says; the file is judged too, for the next start.
    """
    servers = list(list_servers(view))
    found = [] if view.read_text(_SSHD) is None else _judge_server(view, Server(), "")
    for number, server in enumerate(servers, 1):
        found += _judge_server(view, server, f"_listening_{number}")
    return found


def _judge_server(view: HostView, server: "Server", suffix: str) -> list[tuple[str, str, bool]]:
    """Return the rules of one server, its file and options read here, and in a running system by sshd itself too."""
    values, conditional = read_server(view, server)
    told = ask_server(view.run, server) if suffix and view.root == Path("/") else {}
    found = []
    for rule, (name, good) in _SSH_RULES.items():
        wrong = next((value for word, value in conditional if word == name and value not in good), None)
        shown = [value for value in (wrong, values[name], told.get(name)) if value is not None]
        bad = next((value for value in shown if value not in good), None)
        found.append((rule + suffix, bad or values[name], bad is None))
    return found


@dataclass(frozen=True, slots=True)
class Server:
    """How an SSH server was started: its settings file, and its `-o` options."""

    file: str = _SSHD
    options: tuple[str, ...] = ()


def list_servers(view: HostView) -> Iterator[Server]:
    """Yield each SSH server that listens, by its command line; one that it has rewritten as its title is read all the same."""
    for process in list_processes(view):
        if process.name != "sshd":
            continue
        words = read_arguments(view, process)
        if len(words) == 1 and words[0].startswith("sshd: "):
            title, listens, _ = words[0].removeprefix("sshd: ").partition(" [listener]")
            words = title.split() if listens else []
        if words:
            yield parse_server(words)


def parse_server(words: Sequence[str]) -> Server:
    """Return how a command line starts a server. Words that a title has lost the quotes of (`-o Word value`) are joined again."""
    joined = list[str]()
    for word in words[1:]:
        if (
            len(joined) > 1
            and joined[-2] == "-o"
            and "=" not in joined[-1]
            and " " not in joined[-1]
            and word[:1] != "-"
        ):
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    try:
        flags, _ = getopt.getopt(joined, _SSHD_OPTIONS)
    except getopt.GetoptError:
        flags = []
    options = tuple(value for flag, value in flags if flag == "-o")
    file = next((value for flag, value in reversed(flags) if flag == "-f"), _SSHD)
    return Server(file, options)


def ask_server(run: Run, server: Server) -> dict[str, str]:
    """Return what sshd itself says is in force with a server's file and options (`sshd -T`), by the words of the rules.

    Where it does not say, no rule is kept: the answer of each is why. The program is the system's own, never one that a process
    names: whoever may start a process would run it as root.
    """
    options = [part for option in server.options for part in ("-o", option)]
    done = run([_SSHD_PROGRAM, "-T", "-f", server.file, *options, "-C", _PROBED_AS])
    if done.code:
        return dict.fromkeys(_SSH_DEFAULTS, f"sshd -T ended with {done.code}")
    lines = (line.split(None, 1) for line in done.output.decode(errors="replace").lower().splitlines())
    told = {words[0]: words[1] for words in lines if len(words) == 2}
    return {name: told.get(name, "not told") for name in _SSH_DEFAULTS}


def read_server(view: HostView, server: Server) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the value of each word that the rules are about, and what `Match` blocks set: options first, as sshd reads them."""
    general, conditional = dict[str, str](), list[tuple[str, str]]()
    for option in server.options:
        word, _, value = option.strip().replace("=", " ", 1).partition(" ")
        name = _SSH_OLD_NAMES.get(word.lower(), word.lower())
        if name in _SSH_DEFAULTS:
            general.setdefault(name, value.strip().lower())
    if view.read_text(server.file) is None:
        return dict.fromkeys(_SSH_DEFAULTS, "its settings file is not there"), []
    for word, value, matched in _read_sshd(view, server.file):
        if matched:
            conditional.append((word, value))
        else:
            general.setdefault(word, value)  # the first value counts
    return {**_SSH_DEFAULTS, **general}, conditional


def _read_sshd(view: HostView, name: str, depth: int = 0) -> Iterator[tuple[str, str, bool]]:
    """Yield word, value and whether a `Match` block holds it, with included files in their place."""
    matched = False
    for line in (view.read_text(name) or "").splitlines():
        words = line.replace("=", " ", 1).split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        word = _SSH_OLD_NAMES.get(words[0].lower(), words[0].lower())
        if word == "match":
            matched = True
        elif word == "include" and depth < _INCLUDE_DEPTH:
            for pattern in words[1:]:
                folder, _, form = (pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}").rpartition(
                    "/"
                )
                for inner in fnmatch.filter(view.list_names(folder), form):
                    for one, value, inside in _read_sshd(view, f"{folder}/{inner}", depth + 1):
                        yield one, value, matched or inside
        elif word in _SSH_DEFAULTS:
            yield word, words[1].lower(), matched
