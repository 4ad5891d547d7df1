#!/usr/bin/env python3
"""The list of all parts of the static file, as CycloneDX 1.6: sbom.py SOURCES WORK ARCH > diagbundle-linux-ARCH.cdx.json.

SOURCES is the folder with the archives that pins.toml names, WORK that in which `build` has unpacked and compiled them. Versions are read
from both. The same sources give the same bytes: time from SOURCE_DATE_EPOCH, serial number from the contents.
"""

import email
import glob
import json
import os
import re
import sys
import tarfile
import tomllib
import uuid
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "../../src/diagbundle/__init__.py")
CVE = re.compile(r"CVE-\d{4}-\d+")
Table = dict[str, Any]


class Unknown(Exception):
    """Something that the list must say is not known."""


def main(sources: str, work: str, arch: str) -> None:
    """Print the list. Raises `Unknown`."""
    pins, ours = table("pins.toml"), table("sbom.toml")
    pinned = {name: part for kind in ("debian", "pypi") for name, part in pins[kind].items() if isinstance(part, dict)}
    built = "".join(text(work, f"{arch}/python/{name}") for name in ("Modules/config.c", "pyconfig.h"))
    inside = {name: part for name, part in ours["parts"].items() if re.search(part.get("if", ""), built)}
    components = {name: component(name, part, pinned[part["of"]], sources, work) for name, part in inside.items()}
    for name in sorted(pins["pypi"].keys() - ours["not_inside"]):
        components[name] = package(name, pinned[name], sources)
    print(json.dumps(document(components, inside, package("ziglang", pinned["ziglang"], sources), arch), indent=1, sort_keys=True))


def table(name: str) -> Table:
    """A TOML file beside this one."""
    with open(os.path.join(HERE, name), "rb") as file:
        return tomllib.load(file)


def text(folder: str, pattern: str) -> str:
    """The text of the one file below a folder whose path matches."""
    found = glob.glob(os.path.join(folder, pattern))
    if len(found) != 1:
        raise Unknown(f"there are {len(found)} files: {os.path.join(folder, pattern)}")
    with open(found[0], encoding="utf-8", errors="replace") as file:
        return file.read()


def component(name: str, part: Table, pin: Table, sources: str, work: str) -> Table:
    """One part whose version stands in its source; with the repairs of Debian, if it is a whole archive that has any."""
    groups = re.findall(part["version"], text(work, part["file"]))
    if not groups:
        raise Unknown(f"the version of {name} does not stand there: {part['file']}")
    version = ".".join(word for group in groups for word in ([group] if isinstance(group, str) else group))
    made = described(name, version, part["purl"].format(version), pin | part)
    if "cpe" in part:
        made["cpe"] = f"cpe:2.3:a:{part['cpe']}:{version}:*:*:*:*:*:*:*"
    repairs = next((file for file in pin["files"] if ".debian.tar" in file), None)
    if repairs and "license" not in part:
        patches = repaired(os.path.join(sources, repairs))
        purl = f"pkg:deb/debian/{pin['package']}@{quote(pin['version'], safe='.')}?arch=source"
        made |= {"version": pin["version"], "purl": purl, "bom-ref": purl, "pedigree": {"patches": patches}}
    return made


def described(name: str, version: str, purl: str, facts: Table) -> Table:
    """What is said of every part."""
    return {
        "type": "library",
        "name": name,
        "version": version,
        "bom-ref": f"pkg:{purl}",
        "purl": f"pkg:{purl}",
        "licenses": [{"expression": facts["license"]}],
        "supplier": {"name": facts["supplier"]},
        "externalReferences": [source(file, sha256) for file, sha256 in facts["files"].items()],
    }


def source(file: str, sha256: str) -> Table:
    """An archive a part comes from."""
    kind = "source-distribution" if ".tar." in file else "distribution"
    return {"type": kind, "url": quote(file), "hashes": [{"alg": "SHA-256", "content": sha256}]}


def package(name: str, pin: Table, sources: str) -> Table:
    """A package of PyPI; who made it stands in its own description."""
    [file] = pin["files"]
    about = email.message_from_string(description(os.path.join(sources, file)))
    addresses = (about.get(key, "") for key in ("Author", "Author-email", "Maintainer", "Maintainer-email"))
    supplier = next((parseaddr(word)[0] or word for word in addresses if word), f"the developers of {name}")
    return described(name, pin["version"], f"pypi/{name}@{pin['version']}", pin | {"supplier": supplier})


def description(archive: str) -> str:
    """The metadata in a wheel or a source distribution."""
    if archive.endswith(".whl"):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    with tarfile.open(archive) as tar:
        file = tar.extractfile(next(member for member in tar if re.fullmatch(r"[^/]+/PKG-INFO", member.name)))
        return file.read().decode() if file else ""


def repaired(archive: str) -> list[Table]:
    """The repairs of Debian that `build` applies: each *.patch of the series, and what it resolves."""
    made = []
    with tarfile.open(archive) as tar:
        file = tar.extractfile("debian/patches/series")
        series = file.read().decode() if file else ""
    for name in re.findall(r"(?m)^[^#\n]+\.patch$", series):
        ids = sorted(set(CVE.findall(name)))  # a text may name others
        resolves = [
            {"type": "security", "id": one, "source": {"name": "CVE", "url": f"https://www.cve.org/CVERecord?id={one}"}} for one in ids
        ]
        made.append({"type": "backport", "diff": {"url": f"debian/patches/{name}"}} | ({"resolves": resolves} if ids else {}))
    return made


def document(components: dict[str, Table], inside: Table, zig: Table, arch: str) -> Table:
    """The whole list."""
    [version] = re.findall(r'__version__ = "(.+)"', text(os.path.dirname(OURS), os.path.basename(OURS)))
    whole = f"pkg:generic/diagbundle@{version}?arch={arch}"
    users: dict[str, list[str]] = {whole: []} | {one["bom-ref"]: [] for one in components.values()}
    for name, one in components.items():
        by = inside.get(name, {}).get("by")
        users[components[by]["bom-ref"] if by else whole].append(one["bom-ref"])
    made: Table = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "name": "diagbundle",
                "version": version,
                "bom-ref": whole,
                "purl": whole,
                "licenses": [{"expression": "Apache-2.0"}],
                "supplier": {"name": "The diagbundle developers"},
            },
            "supplier": {"name": "The diagbundle developers"},
            "tools": {"components": [{"type": "application", "name": "packaging/static/sbom.py", "version": version}]},
        },
        "components": list(components.values()),
        "dependencies": [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in users.items()],
        "compositions": [{"aggregate": "complete", "assemblies": [whole]}],
        "formulation": [{"bom-ref": "compiled", "components": [zig | {"type": "application"}]}],
        "vulnerabilities": resolved(components.values()) + looked_into(components),
    }
    if "SOURCE_DATE_EPOCH" in os.environ:
        made["metadata"]["timestamp"] = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).isoformat().replace("+00:00", "Z")
    return made | {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(made, sort_keys=True))}"}


def resolved(components: Iterable[Table]) -> list[Table]:
    """What a scanner would find by version alone, and what is repaired in it."""
    found: dict[tuple[str, str], Table] = {}
    for one in components:
        for patch in one.get("pedigree", {}).get("patches", ()):
            for weakness in patch.get("resolves", ()):
                found[one["bom-ref"], weakness["id"]] = {
                    "id": weakness["id"],
                    "source": weakness["source"],
                    "analysis": {"state": "resolved_with_pedigree"},
                    "affects": [{"ref": one["bom-ref"]}],
                }
    return [found[key] for key in sorted(found)]


def looked_into(components: dict[str, Table]) -> list[Table]:
    """What was found about a weakness by hand, as long as it is about the version that we have."""
    return [
        {
            "id": one["id"],
            "source": record(one["id"]),
            "analysis": one["analysis"],
            "affects": [{"ref": components[one["part"]]["bom-ref"]}],
        }
        for one in table("sbom.toml")["weaknesses"]
        if components[one["part"]]["version"] == one["version"]
    ]


def record(cve: str) -> Table:
    """Where a weakness is described."""
    return {"name": "CVE", "url": f"https://www.cve.org/CVERecord?id={cve}"}


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Unknown, OSError) as error:
        sys.exit(f"sbom: {error}\nhint: `packaging/static/build` unpacks and compiles what this reads")
