"""A ticket as support pastes it: short, true, and harmless whatever stands in the bundle."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from test_markdown import page

from diagbundle.bundle.escape import shown
from diagbundle.cli.main import run

VECTORS = pathlib.Path(__file__).parent / "vectors"
CASES = pathlib.Path(__file__).parent / "cases"
SUFFERS = CASES / "DNS001" / "it_is_down_and_a_program_suffers"
ARCHIVES = ("gzip.tar.zst", "plain-tar.tar.zst")
"""No bundles; but whatever `analyze` judges may go into a ticket."""
GOOD = VECTORS / "good.tar.zst"


@pytest.fixture
def ticket(capsys):
    """Exit status, text and talk of `ticket`."""

    def made(*words):
        code = run(["ticket", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return made


def test_a_ticket_says_all_of_it(ticket):
    code, text, talk = ticket(SUFFERS)
    assert (code, talk) == (0, "")
    title, *parts = re.split(r"(?m)^#{1,3} ", text)[1:]
    assert "name server" in title
    assert [part.split(":")[0].split(" (")[0].rstrip() for part in parts if not re.match(r"CRITICAL|WARNING", part)][:1] == [
        "What is wrong"
    ]
    assert re.search(r"(?m)^### CRITICAL `DNS001`: name server", text)
    assert re.search(r"(?m)^- \*\*Do:\*\* .*`diagbundle explain DNS001` tells more\.$", text)
    assert re.search(r"(?m)^```text\ndiagbundle/probes/reachability/\S+:1  ", text)
    assert re.search(r"(?m)^## For a problem of name resolution: \d+ of \d+ things needed are there$", text)
    assert text.count("\n") <= 120


def test_programs_get_the_same(ticket):
    code, text, _ = ticket(SUFFERS, "--format", "json")
    answer = json.loads(text)
    assert code == 0
    assert answer["verdicts"][0]["rule"] == "DNS001"
    (problem,) = answer["problems"]
    assert problem["kind"] == "names"
    assert {need["state"] for need in problem["needs"]} <= {"there", "partial", "missing", "not on this host"}
    assert problem["there"] == sum(need["state"] == "there" for need in problem["needs"])
    assert set(answer) >= {"file", "host", "made", "verdicts", "changes", "claims", "missing", "fetch"}


def test_a_bundle_that_lacks_something_says_what_and_how_to_get_it(ticket, tmp_path):
    rows = [
        {"format": "diagbundle/1", "complete": False, "reason": "1 items could not be had, or not whole", "tool": "1.0.0", "case": "4711"},
        {"collector": "name_resolution", "kind": "file", "source": "/etc/resolv.conf", "outcome": "timeout", "reason": "it hung"},
    ]
    rows[0] |= {
        "host": {"name": "db1", "machine": "riscv64", "uid": 1000},
        "created": "2026-03-05T10:00:00Z",
        "kit": {"name": "acme-support", "title": "Acme", "version": "2"},
    }
    (tmp_path / "diagbundle").mkdir()
    (tmp_path / "diagbundle/manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "diagbundle/config.json").write_text(json.dumps({"collectors": ["name_resolution"]}))
    code, text, _ = ticket(tmp_path, "--about", "names")
    assert code == 3
    assert "\n- **Host:** `db1`, `riscv64`\n" in text
    assert "; not as root (uid 1000)\n" in text
    assert "\n- **Partial:** 1 item could not be had, or not whole: `/etc/resolv.conf`\n" in text
    assert "\n- **Made by:** diagbundle `1.0.0`, as the kit acme-support for Acme 2\n- **Case:** 4711\n" in text
    assert "## For a problem of name resolution: 0 of 4 things needed are there\n" in text
    assert "- **Missing:** the resolver's settings: `/etc/resolv.conf` did not answer in time: it hung\n" in text
    command = re.search(r"(?m)^```sh\n(.*)\n```$", text)[1]
    assert command == "sudo ./acme-support collect --case 4711"  # nearly all is missing
    rows[0] |= {"case": "; rm -rf /", "kit": {"name": "$(reboot)"}}
    (tmp_path / "diagbundle/manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert re.search(r"(?m)^```sh\n(.*)\n```$", ticket(tmp_path, "--about", "names")[1])[1] == "sudo diagbundle collect"


def test_the_kinds_that_are_told_are_taken(ticket):
    _, text, _ = ticket(SUFFERS, "--about", "memory", "--about", "time")
    assert re.findall(r"(?m)^## For (.*): ", text) == ["a memory problem", "a problem of the clock"]
    code, text, talk = ticket(SUFFERS, "--about", "memroy")
    assert (code, text) == (2, "")
    assert "hint: did you mean 'memory'?" in talk


def test_a_text_of_a_customer_says_the_kind_and_is_held_against_the_evidence(ticket, tmp_path):
    (tmp_path / "mail.txt").write_text("kernel: 4.6.2\nOur containers restart all the time, says docker.\n")
    _, text, _ = ticket(SUFFERS, "--ticket", tmp_path / "mail.txt", "--claim", "selinux=enforcing")
    assert re.findall(r"(?m)^## For (.*): ", text)[0] == "a problem of containers"
    assert len(re.findall(r"(?m)^\*\*(?:Confirmed|Contradicted|No evidence):\*\* `(?:kernel=4\.6\.2|selinux=enforcing)`: ", text)) == 2


def test_a_vendors_kind_stands_beside_its_rules(ticket, tmp_path):
    (tmp_path / "acme.toml").write_text("[[kind]]\nname = 'acme'\ntitle = 'a problem of Acme'\nneeds = ['resolver']\n")
    _, text, _ = ticket(SUFFERS, "--rules", tmp_path / "acme.toml", "--about", "acme")
    assert "## For a problem of Acme: " in text
    (tmp_path / "acme.toml").write_text("[[kind]]\nname = 'acme'\n")
    code, text, talk = ticket(SUFFERS, "--rules", tmp_path / "acme.toml")
    assert (code, text) == (2, "")
    assert "a kind of problem is wrong" in talk


# -- the file


@pytest.mark.parametrize(
    "vector", sorted(set(VECTORS.glob("*.tar.zst")) - {VECTORS / name for name in ARCHIVES}), ids=lambda path: path.name
)
def test_a_ticket_ends_as_verify_does_and_of_what_is_damaged_nothing_is_written(ticket, capsys, vector):
    expected = run(["verify", str(vector)])
    capsys.readouterr()
    code, text, talk = ticket(vector)
    assert code == expected
    assert (text == "") == (code == 4)
    if code == 4:
        assert talk.startswith(f"diagbundle: {vector.name} is ")
    if code == 3:
        assert "\n- **Partial:** " in text


def test_the_checksum_is_that_of_the_file(ticket, tmp_path):
    shutil.copy(GOOD, tmp_path)
    digest = hashlib.sha256(GOOD.read_bytes()).hexdigest()
    _, text, _ = ticket(tmp_path / GOOD.name)
    assert f"\n- **SHA-256:** `{digest}`\n" in text
    assert "; every checksum in it is right\n" in text
    (tmp_path / f"{GOOD.name}.sha256").write_text(f"{digest}  {GOOD.name}\n")
    _, text, _ = ticket(tmp_path / GOOD.name)
    assert f"every checksum in it is right, and `{GOOD.name}.sha256` beside it agrees\n" in text
    (tmp_path / f"{GOOD.name}.sha256").write_text(f"{'0' * 64}  {GOOD.name}\n")
    code, text, _ = ticket(tmp_path / GOOD.name)
    assert (code, text) == (4, "")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_who_signed_it_is_said(ticket, tmp_path):
    shutil.copy(GOOD, tmp_path)
    bundle = tmp_path / GOOD.name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "db1", "-f", tmp_path / "key"], check=True)
    code, text, talk = ticket(bundle, "--signer", tmp_path / "key.pub")
    assert (code, text) == (4, "")
    assert "is not signed" in talk
    beside = tmp_path / f"{GOOD.name}.sha256"
    beside.write_text(f"{hashlib.sha256(GOOD.read_bytes()).hexdigest()}  {GOOD.name}\n")
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "diagbundle", "-f", tmp_path / "key", beside], check=True, capture_output=True)
    assert re.search(
        r"(?m)^- \*\*Signed:\*\* signed by the key `SHA256:\S+` \(`ED25519`\); whose that is was not checked", ticket(bundle)[1]
    )
    assert re.search(
        r"(?m)^- \*\*Signed:\*\* signed by db1, as `key\.pub` knows it: ",
        ticket(bundle, "--signer", tmp_path / "key.pub")[1].replace("`db1`", "db1"),
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    assert ticket(bundle, "--signer", tmp_path / "other.pub")[:2] == (4, "")


def test_it_is_written_to_a_new_file_or_not_at_all(ticket, tmp_path):
    wanted = tmp_path / "t.md"
    assert ticket(SUFFERS, "-o", wanted)[:2] == (0, "")
    assert wanted.read_text() == ticket(SUFFERS)[1]
    assert wanted.stat().st_mode & 0o777 == 0o600
    code, _, talk = ticket(SUFFERS, "-o", wanted)
    assert code == 1
    assert "is not overwritten" in talk
    code, _, _ = ticket(VECTORS / "one-byte.tar.zst", "-o", tmp_path / "u.md")
    assert code == 4
    assert sorted(os.listdir(tmp_path)) == ["t.md"]


# -- strangers

HOSTILE = [
    "``` <script>alert(1)</script>", "[x](javascript:alert(1)) ![](http://evil.example/p.png)", "@admin #12 ABC-1 www.evil.example mail@evil.example :smile:",
    "| a | b |", "|---|---|", "~~~ </pre></code> <img src=x onerror=alert(1)>", "\u202eevil\u202c \x1b[31m red \x07", "&lt;b&gt; $x$ {{ticket.id}} **bold** `code`", "A" * 5000,
]  # fmt: skip


@pytest.fixture(params=range(len(HOSTILE)))
def hostile(tmp_path, request):
    """A tree whose names and lines want to be markup; the first of its lines is cited by a verdict."""
    lines = [*HOSTILE[request.param :], *HOSTILE[: request.param]]
    files = {
        "etc/os-release": 'PRETTY_NAME="<b>@evil</b> [x](http://evil.example) ```"\n',
        "etc/hostname": "`db1`@admin\n",
        "proc/sys/kernel/osrelease": "5.0-<script>\n",
        "var/log/syslog": "".join(
            f"Nov 21 22:51:{second:02} db1 acme[9]: FATAL: licence expired {line}\n" for second, line in enumerate(lines)
        ),
        "var/log/dpkg.log": "2026-11-21 20:00:00 install @evil:amd64 <none> 1.0-[x](http://evil.example)\n",
    }
    for path, text in files.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    return tmp_path / "tree", lines[0]


def test_what_a_stranger_wrote_stays_text(ticket, hostile):
    tree, line = hostile
    code, text, _ = ticket(tree, "--all", "--claim", "error=FATAL: licence expired ``` <script>alert(1)</script>")
    assert code == 0
    seen = page(text)  # which knows no link, no picture, and no element that is not ours
    assert "".join(shown(line)[:100].split()) in "".join(seen.seen.split())
    assert not re.search(r"[@<>\[\]|#]|www\.|://", seen.bare)
    assert text.isprintable() or set(text) - {"\n"} == {each for each in text if each.isprintable()}
    assert max(map(len, text.split("\n"))) < 2000


def test_a_page_holds_it_as_text(ticket, hostile):
    _, text, _ = ticket(hostile[0], "--all", "--format", "html")
    assert "<script" not in text
    assert "<img" not in text
    assert 'href="http' not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text


def test_with_much_to_tell_it_stays_short(ticket, tmp_path):
    """Findings in plenty: those of many cases, put into one tree."""
    tree = tmp_path / "tree"
    for case in ("FSY001", "MEM001", "NET001", "SVC001", "TIM001", "DSK001", "DNS001", "TLS001", "SEC002", "CTR002", "PKG001"):
        for found in sorted((CASES / case).iterdir()):
            if json.loads((found / "expect.json").read_text()):
                shutil.copytree(found, tree, dirs_exist_ok=True)
    (tree / "expect.json").unlink()
    claims = [word for number in range(20) for word in ("--claim", f"package=acme{number}")]
    code, text, _ = ticket(tree, *claims)
    assert code == 0
    assert text.count("\n") <= 120
    assert "more" in text
    assert len(ticket(tree, *claims, "--all")[1]) > len(text)
