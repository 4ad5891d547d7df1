"""A release: what is altered, added or missing is found, and so is a signature by somebody else. Keys are made here, at run time."""

import os
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = os.path.join(TOP, "packaging", "release")

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="there is no ssh-keygen here")


def run(*words, **kwargs):
    return subprocess.run(words, capture_output=True, text=True, check=False, **kwargs)


def key(folder, name):
    """A new key; the path of its secret half."""
    path = str(folder / name)
    assert run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path).returncode == 0
    return path


def signers(folder, keyfile, options='namespaces="diagbundle-release"'):
    with open(f"{keyfile}.pub", encoding="utf-8") as file:
        (folder / "signers").write_text(f"release@diagbundle {options} {file.read()}")
    return str(folder / "signers")


@pytest.fixture
def release(tmp_path):
    """A folder with what a release consists of, signed, and the file that says who may sign."""
    dist = tmp_path / "dist"
    dist.mkdir()
    for name in ("diagbundle-linux-x86_64", "diagbundle_0.1.0_amd64.deb", "a name with blanks"):
        (dist / name).write_bytes(os.urandom(1000))
    names = sorted(os.listdir(dist))
    (dist / "SHA256SUMS").write_text(run("sha256sum", "--", *names, cwd=dist).stdout)
    ours = key(tmp_path, "ours")
    signed = run(RELEASE, "sign", str(dist), "--key", ours)
    assert signed.returncode == 0, signed.stderr
    return dist, signers(tmp_path, ours)


def verified(dist, who):
    return run(RELEASE, "verify", str(dist), "--signers", who)


def test_a_whole_release_is_verified(release):
    done = verified(*release)
    assert (done.returncode, done.stderr) == (0, f"release: 3 files, signed by release@diagbundle: {release[0]}\n")


def test_the_customer_needs_nothing_of_ours_to_verify_it(release):
    dist, who = release
    words = ("ssh-keygen", "-Y", "verify", "-f", who, "-I", "release@diagbundle", "-n", "diagbundle-release", "-s", "SHA256SUMS.sig")
    assert run(*words, cwd=dist, input=(dist / "SHA256SUMS").read_text()).returncode == 0
    assert run("sha256sum", "--check", "SHA256SUMS", cwd=dist).returncode == 0


def test_an_altered_file_is_found(release):
    path = release[0] / "diagbundle-linux-x86_64"
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    done = verified(*release)
    assert done.returncode == 1
    assert "diagbundle-linux-x86_64: FAILED" in done.stderr


def test_a_missing_file_is_found(release):
    (release[0] / "diagbundle-linux-x86_64").unlink()
    assert verified(*release).returncode == 1


def test_a_file_that_nobody_signed_is_found(release):
    (release[0] / "diagbundle-linux-x86_64.sh").write_text("echo")
    done = verified(*release)
    assert done.returncode == 1
    assert "release: it is not in both, the folder and SHA256SUMS: diagbundle-linux-x86_64.sh" in done.stderr


def test_altered_checksums_are_found(release):
    dist, _ = release
    (dist / "diagbundle-linux-x86_64").write_bytes(b"another program")
    names = sorted(name for name in os.listdir(dist) if not name.startswith("SHA256SUMS"))
    (dist / "SHA256SUMS").write_text(run("sha256sum", "--", *names, cwd=dist).stdout)
    done = verified(*release)
    assert done.returncode == 1
    assert "the signature is not one of these checksums" in done.stderr


def test_a_signature_by_somebody_else_does_not_count(release, tmp_path):
    dist, who = release
    assert run(RELEASE, "sign", str(dist), "--key", key(tmp_path, "theirs")).returncode == 0
    done = verified(dist, who)
    assert done.returncode == 1
    assert "it is not signed by anybody who may" in done.stderr


def test_a_signature_for_another_purpose_does_not_count(release, tmp_path):
    dist, _ = release
    ours = str(tmp_path / "ours")
    os.remove(dist / "SHA256SUMS.sig")
    assert run("ssh-keygen", "-q", "-Y", "sign", "-f", ours, "-n", "file", str(dist / "SHA256SUMS")).returncode == 0
    assert verified(dist, signers(tmp_path, ours, options="")).returncode == 1


def test_what_does_not_hold_is_not_signed(release, tmp_path):
    dist, _ = release
    (dist / "diagbundle-linux-x86_64").write_bytes(b"another program")
    done = run(RELEASE, "sign", str(dist), "--key", str(tmp_path / "ours"))
    assert done.returncode == 1
    assert "it does not hold what SHA256SUMS names" in done.stderr


@pytest.mark.skipif(not shutil.which("gpg"), reason="there is no gpg here")
def test_a_key_of_gnupg_signs_too(release, tmp_path):
    dist, _ = release
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    environment = os.environ | {"GNUPGHOME": str(home)}
    try:
        made = run(
            "gpg", "--batch", "--passphrase", "", "--quick-generate-key", "release@example.org", "ed25519", "sign", "never", env=environment
        )
        if made.returncode:
            pytest.skip(f"gpg makes no key here: {made.stderr[-200:]}")
        words = ("--key", str(tmp_path / "ours"), "--gpg", "release@example.org")
        assert run(RELEASE, "sign", str(dist), *words, env=environment).returncode == 0
        check = ("gpg", "--verify", "SHA256SUMS.asc", "SHA256SUMS")
        assert run(*check, cwd=dist, env=environment).returncode == 0
        (dist / "SHA256SUMS").write_text("0" * 64 + "  nothing\n")
        assert run(*check, cwd=dist, env=environment).returncode == 1
    finally:
        run("gpgconf", "--kill", "gpg-agent", env=environment)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "it needs to know what to do"),
        (["sign", "/nowhere"], "there is no such folder: /nowhere"),
        (["make", "{dist}"], None),
        (["fly", "/nowhere"], "there is no step fly"),
        (["sign", "{dist}", "--kee", "x"], "there is no option --kee"),
        (["verify", "{dist}"], "it needs to know who may sign"),
    ],
)
def test_a_wrong_word_is_answered_with_a_hint(release, words, said):
    done = run(RELEASE, *(word.format(dist=release[0]) for word in words))
    assert done.returncode == 2
    assert "\nhint: " in done.stderr
    assert said is None or said in done.stderr
