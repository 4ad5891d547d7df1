"""The real static file becomes a kit, and the kit does what its vendor's customer needs: run with nothing else, it does the right thing.

The static file is what `make static` has made, or what DIAGBUNDLE_STATIC names.
"""

import _imp
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from diagbundle import carried
from diagbundle.carried import seal
from diagbundle.kit import make

TOP = Path(__file__).resolve().parents[2]
ACME = TOP / "examples" / "acme"
NAME = "diagbundle-linux-{}"


def made(machine):
    """The static file for a processor."""
    ours = Path(os.environ.get("DIAGBUNDLE_STATIC") or TOP / "dist" / NAME.format(platform.machine())).resolve()
    path = ours if machine == platform.machine() else ours.with_name(NAME.format(machine))
    if not path.is_file():
        pytest.skip(f"there is no static file at {path}: `make static` makes it, or DIAGBUNDLE_STATIC names it")
    with zipfile.ZipFile(path) as archive:
        if "diagbundle/kit/make.pyc" not in archive.namelist():
            pytest.skip(f"the static file is older than the kit: {path}")
    return str(path)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """The example as its vendor has it, with the package built to a wheel."""
    folder = tmp_path_factory.mktemp("acme")
    shutil.copytree(ACME / "kit", folder / "kit")
    shutil.copy(ACME / "acme.toml", folder)
    about = tomllib.loads((ACME / "pyproject.toml").read_text())["project"]
    offers = about["entry-points"]["diagbundle.collectors"]
    info = "acme_diag-1.0.dist-info"
    with zipfile.ZipFile(folder / "kit" / "acme_diag-1.0-py3-none-any.whl", "w") as wheel:
        for module in (ACME / "acme_diag").glob("*.py"):
            wheel.write(module, f"acme_diag/{module.name}")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\nRequires-Dist: diagbundle\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(
            f"{info}/entry_points.txt", "[diagbundle.collectors]\n" + "".join(f"{name} = {value}\n" for name, value in offers.items())
        )
    return str(folder / "kit" / "product.toml")


def run(*words, cwd=None, timeout=120):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIAGBUNDLE_")}  # which would be settings
    return subprocess.run(list(words), capture_output=True, text=True, check=False, cwd=cwd, timeout=timeout, env=environment)


@pytest.fixture(scope="module")
def support(product, tmp_path_factory):
    """The kit, made by the static file of itself."""
    folder = tmp_path_factory.mktemp("customer")
    done = run(made(platform.machine()), "kit", "--product", product, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "acme-support\n"), done.stderr
    return str(folder / "acme-support")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host on which the product runs."""
    root = tmp_path_factory.mktemp("host")
    shutil.copytree(ACME / "tests" / "hosts" / "acme-two-pools", root, dirs_exist_ok=True)
    (root / "etc/acme/acme.conf").write_text("pools = 2\n")
    (root / "var/log/acme").mkdir(parents=True)
    (root / "var/log/acme/acmed.log").write_text("2026-11-21T22:51:07Z db1 acmed[911]: queue is full: orders (4096 of 4096 messages)\n")
    return str(root)


@pytest.fixture(scope="module")
def bundle(support, host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    done = run(
        support, "collect", "--yes", "--root", host, "--only", "acme", "--only", "acme_pools", "--without", "reachability", cwd=folder
    )
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.strip(), done.stderr


def test_the_bundle_holds_what_the_product_asks_for(support, bundle):
    listed = run(support, "list", bundle[0]).stdout
    for name in ("etc/acme/acme.conf", "var/log/acme/acmed.log", "diagbundle/tables/acme_pools"):
        assert name in listed, listed
    assert run(support, "cat", bundle[0], "etc/acme/acme.conf").stdout == "pools = 2\n"
    rows = [json.loads(line) for line in run(support, "cat", bundle[0], "diagbundle/tables/acme_pools").stdout.splitlines()]
    assert rows == [{"pool": "orders", "pid": 4711}, {"pool": "reports", "pid": None}]


def test_the_bundle_and_the_screen_name_the_kit(support, bundle):
    head = json.loads(run(support, "cat", bundle[0], "diagbundle/manifest.jsonl").stdout.splitlines()[0])
    kit = carried.read(support)
    assert head["kit"] == {"name": "acme-support", "title": "Acme Server", "version": "1.0", "checksum": kit.checksum, "key": ""}
    assert bundle[1].startswith("acme-support 1.0 for Acme Server collects")
    assert "\nAcme Server says:\n  Acme's support needs one file" in bundle[1]
    assert "support.acme.example" in bundle[1].splitlines()[-2] + bundle[1].splitlines()[-1]
    assert run(support, "verify", bundle[0]).returncode in (0, 3)


def test_plan_collectors_rules_and_version(support):
    plan = run(support, "plan", "--only", "acme").stdout
    assert '  timeout = "15m"   as acme-support has it\n' in plan
    assert "reads              /etc/acme/*.conf" in plan
    listed = run(support, "collectors").stdout
    assert listed.startswith("acme  ")
    assert "\nacme_pools " in listed
    assert "ACM001  queues of Acme\n" in run(support, "rules").stdout
    assert run(support, "rules", "--test").returncode == 0
    assert run(support, "--version").stdout.startswith("acme-support 1.0 for Acme Server (diagbundle ")
    assert "Acme refuses messages" in run(support, "explain", "ACM001").stdout


def test_it_judges_by_the_rules_of_the_product(support, bundle):
    done = run(support, "analyze", "--format", "json", bundle[0])
    verdicts = {one["rule"]: one for one in json.loads(done.stdout)["verdicts"]}
    assert verdicts["ACM001"]["status"] == "found"
    assert verdicts["ACM001"]["title"].startswith("Acme's queue orders is full")


def test_without_a_word_it_collects_what_its_vendor_wants(product, tmp_path):
    """`./acme-support`, and nothing else."""
    text = (
        Path(product).read_text().replace("[defaults]", '[defaults]\nonly = ["acme"]\nwithout = ["reachability"]\nsample_interval = "0s"')
    )
    other = Path(product).with_name("only.toml")
    other.write_text(text)
    assert run(made(platform.machine()), "kit", "--product", str(other), cwd=tmp_path).returncode == 0
    done = run("./acme-support", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path
    assert "reads    acme\n" in done.stderr


def test_whoever_makes_it_of_one_input_it_is_the_same(product, support, tmp_path):
    """Made by the wheel, on another Python and with another zlib."""
    program = made(platform.machine())
    with zipfile.ZipFile(program) as archive:
        code, source = archive.read("diagbundle/kit/make.pyc"), Path(make.__file__).read_bytes()
        if code[8:16] != _imp.source_hash(int.from_bytes(code[:4], "little"), source):
            pytest.skip("the static file was made of another source: `make static`")
    done = run(sys.executable, "-m", "diagbundle", "kit", "--product", product, "--program", program, "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "acme-support").read_bytes() == Path(support).read_bytes()
    assert seal.fault(support) == ""


@pytest.mark.parametrize("keep", [0.9, 0.99999])
def test_a_cut_one_says_so(support, tmp_path, keep):
    cut = tmp_path / "acme-support"
    shutil.copy(support, cut)
    os.truncate(cut, int(os.path.getsize(cut) * keep))
    done = run(str(cut), "--version")
    assert done.returncode == 4
    assert "damaged" in done.stderr
    assert done.stdout == ""


def test_what_it_carries_is_sealed_too(support, tmp_path):
    changed = tmp_path / "acme-support"
    data = bytearray(Path(support).read_bytes())
    at = data.index(b"/etc/acme/conf.d/**")
    data[at + 1 : at + 4] = b"ETC"
    changed.write_bytes(data)
    changed.chmod(0o755)
    done = run(str(changed), "--version")
    assert (done.returncode, done.stdout) == (4, "")
    assert "its checksum is another one" in done.stderr


def test_a_kit_makes_no_kit(support, product, tmp_path):
    assert "there is no command 'kit'" in run(support, "kit", "--product", product, cwd=tmp_path).stderr
    done = run(made(platform.machine()), "kit", "--product", product, "--program", support, "-o", str(tmp_path))
    assert (done.returncode, os.listdir(tmp_path)) == (2, [])
    assert "this is a kit already" in done.stderr


def test_a_full_disk_leaves_nothing(product, tmp_path):
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(tmp_path)], check=False, capture_output=True).returncode
    ):
        pytest.skip("it mounts a small disk, which this user or this machine does not allow")
    try:
        done = run(made(platform.machine()), "kit", "--product", product, "-o", str(tmp_path))
        assert (done.returncode, os.listdir(tmp_path)) == (1, [])
        assert "could not be written" in done.stderr
        assert "No space left on device" in done.stderr
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_one_for_another_processor(product, support, host, tmp_path):
    """Made here, run there: under qemu."""
    program = made("aarch64")
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not emulator:
        pytest.skip("qemu-user-static is not installed")
    done = run(made(platform.machine()), "kit", "--product", product, "--program", program, "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "for Linux on aarch64" in done.stderr
    there = str(tmp_path / "acme-support")
    assert carried.read(there).checksum == carried.read(support).checksum
    assert run(emulator, there, "--version").stdout.startswith("acme-support 1.0 for Acme Server")
    assert "acme_pools" in run(emulator, there, "collectors").stdout
    words = ["collect", "--yes", "-q", "--root", host, "--only", "acme", "--only", "acme_pools", "--without", "reachability"]
    done = run(emulator, there, *words, "-o", str(tmp_path), timeout=300)
    assert done.returncode in (0, 3), done.stderr
    assert "etc/acme/acme.conf" in run(support, "list", done.stdout.strip()).stdout
