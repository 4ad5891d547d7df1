"""Names and versions of distributions: every usual spelling means one thing."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPELLINGS = (
    ("centos-stream", r"cent\s?os[\s-]*(?:linux[\s-]*)?stream"),
    ("centos", r"cent\s?os(?:\s+linux)?"),
    ("rocky", r"rocky(?:\s?linux)?"),
    ("almalinux", r"alma(?:\s?linux)?"),
    ("ol", r"oracle(?:\s+enterprise)?\s+linux(?:\s+server)?|oel|ol(?=\s?\d)|oraclelinux"),
    ("scientific", r"scientific(?:\s+linux)?"),
    ("rhcos", r"red\s?hat\s+enterprise\s+linux\s+coreos|rhcos"),
    ("rhel", r"red\s?hat(?:\s+enterprise)?(?:\s+linux)?(?:\s+(?:server|workstation))?|rhel"),
    ("fedora", r"fedora(?:\s+(?:linux|server|coreos))?"),
    ("amzn", r"amazon\s*linux(?:\s+ami)?|amzn|al(?=2(?:023)?\b)"),
    ("ubuntu", r"ubuntu(?:\s+(?:server|linux|core))?"),
    ("debian", r"debian(?:\s+gnu/linux|\s+linux)?"),
    ("sled", r"suse\s+linux\s+enterprise\s+desktop|sled"),
    (
        "sles",
        (
            r"suse\s+linux\s+enterprise(?:\s+server)?(?:\s+for\s+sap(?:\s+applications)?)?"
            r"|sles(?:[\s_]for[\s_]sap(?:\s+applications)?|_sap|-sap)?|sle(?=[\s-]?\d)"
        ),
    ),
    ("opensuse-tumbleweed", r"open\s?suse[\s-]*tumbleweed|tumbleweed"),
    ("opensuse-leap", r"open\s?suse(?:[\s-]*leap)?|leap(?=\s+\d)"),
    ("sles", r"suse(?:\s+linux)?"),
    ("alpine", r"alpine(?:\s+linux)?"),
    ("photon", r"(?:vmware\s+)?photon(?:\s+(?:os|linux))?"),
    ("azurelinux", r"azure\s?linux"),
    ("mariner", r"(?:cbl-?)?mariner"),
    ("flatcar", r"flatcar"),
    ("bottlerocket", r"bottlerocket"),
    ("openeuler", r"open\s?euler"),
    ("anolis", r"anolis(?:\s+os)?"),
    ("arch", r"arch\s*linux|arch(?=\s*$)"),
    ("gentoo", r"gentoo"),
    ("kali", r"kali"),
    ("raspbian", r"raspbian"),
    ("linuxmint", r"linux\s?mint"),
    ("nixos", r"nixos"),
)
_IDS = {
    "redhat": "rhel", "redhatenterpriseserver": "rhel", "redhatenterprise": "rhel", "sles_sap": "sles", "sle_hpc": "sles",
    "sle-micro": "sles", "opensuse": "opensuse-leap", "oracle": "ol", "amazon": "amzn",
}  # fmt: skip
TITLES = {
    "rhel": "Red Hat Enterprise Linux", "centos": "CentOS Linux", "centos-stream": "CentOS Stream", "rocky": "Rocky Linux",
    "almalinux": "AlmaLinux", "ol": "Oracle Linux", "scientific": "Scientific Linux", "fedora": "Fedora", "amzn": "Amazon Linux",
    "ubuntu": "Ubuntu", "debian": "Debian", "sles": "SUSE Linux Enterprise Server", "sled": "SUSE Linux Enterprise Desktop",
    "opensuse-leap": "openSUSE Leap", "opensuse-tumbleweed": "openSUSE Tumbleweed", "alpine": "Alpine Linux", "photon": "Photon OS",
    "azurelinux": "Azure Linux", "mariner": "CBL-Mariner",
}  # fmt: skip
CODENAMES = {
    ("debian", "stretch"): "9", ("debian", "buster"): "10", ("debian", "bullseye"): "11", ("debian", "bookworm"): "12",
    ("debian", "trixie"): "13", ("debian", "forky"): "14", ("ubuntu", "trusty"): "14.04", ("ubuntu", "xenial"): "16.04",
    ("ubuntu", "bionic"): "18.04", ("ubuntu", "focal"): "20.04", ("ubuntu", "jammy"): "22.04", ("ubuntu", "noble"): "24.04",
    ("rhel", "maipo"): "7", ("rhel", "ootpa"): "8", ("rhel", "plow"): "9", ("rhel", "coughlan"): "10",
}  # fmt: skip
_VERSION = re.compile(
    r"[\s_/:-]*(?:linux\s+)?(?:release|version|ver\.?|v\.?|rel\.?)?[\s_-]*"
    r"(\d{1,4}(?:\.\d{1,5}){0,3})(?:[\s_-]*(?:sp|service\s?pack|update|u)[\s_-]*(\d{1,2}))?(?!\d)",
    re.IGNORECASE,
)
_ONE = re.compile("|".join(f"(?P<x{number}>{spelling})" for number, (_, spelling) in enumerate(_SPELLINGS)), re.IGNORECASE)
_EL = re.compile(r"(?<![\w.])(?:enterprise\s+linux|el)[\s-]?(\d{1,2}(?:\.\d{1,2})?)(?!\w)", re.IGNORECASE)
CLONES = ("rhel", "centos", "centos-stream", "rocky", "almalinux", "ol", "scientific")
"""Those that are built from one source, and are often called by each other's names."""
LONGEST = 300


@dataclass(frozen=True)
class Distribution:
    """One distribution, or a release of it."""

    id: str
    """As os-release spells it; `centos-stream` is told apart from `centos`; `el` is any clone of Enterprise Linux."""
    version: str = ""

    def __str__(self) -> str:
        return f"{TITLES.get(self.id, self.id)} {self.version}".strip()


def named(text: str) -> tuple[Distribution, int, int] | None:
    """The first distribution that a text names, and where."""
    text = text[:LONGEST]
    for found in _ONE.finditer(text):
        if found.start() and (text[found.start() - 1].isalnum() or text[found.start() - 1] in "-/_"):
            continue
        after = text[found.end() : found.end() + 1]
        if after.isalpha():
            continue
        name = _SPELLINGS[int(str(found.lastgroup)[1:])][0]
        version, end = version_after(text, found.end())
        return Distribution(name, version or _by_codename(name, text[found.end() : found.end() + 40])), found.start(), end
    if el := _EL.search(text):
        return Distribution("el", el[1]), el.start(), el.end()
    return None


def version_after(text: str, start: int) -> tuple[str, int]:
    """The version that follows a name, and where it ends."""
    found = _VERSION.match(text, start)
    if not found:
        return "", start
    return (f"{found[1]}.{found[2]}" if found[2] and "." not in found[1] else found[1]), found.end()


def _by_codename(name: str, text: str) -> str:
    words = re.findall(r"[a-z]+", text.lower())
    return next((CODENAMES[name, word] for word in words if (name, word) in CODENAMES), "")


def id_of(word: str, pretty: str = "") -> str:
    """The name that we use for what os-release calls ID."""
    word = word.lower()
    if word == "centos" and "stream" in pretty.lower():
        return "centos-stream"
    return _IDS.get(word, word)


def is_prefix(short: str, long: str) -> bool:
    """Whether a version is the other one, or the beginning of it: 8 of 8.9, not of 80."""
    first, second = parts(short), parts(long)
    return first == second[: len(first)]


def parts(version: str) -> list[str]:
    """The numbers of a version, without leading zeros but those of Ubuntu's months."""
    return [part.lstrip("0") or "0" for part in version.split(".")]
