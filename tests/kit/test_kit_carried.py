"""What a kit carries is asked, judged, shown and named: whoever runs it needs nothing else."""

import json
import os
import subprocess
import sys

import pytest
from kit_parts import COLLECTOR, PYTHON, RULE

from diagbundle import __version__, carried
from diagbundle.bundle.reader import Bundle
from diagbundle.cli import analysis, group, options, version
from diagbundle.cli import main as program
from diagbundle.cli.talk import vendor_says
from diagbundle.collect import registry
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.kit import description, make
from diagbundle.testing import questions

DESCRIBED = """collectors = ["acme.toml"]
rules = ["ours.toml"]
packages = ["{wheel}"]
{key}
[texts]
before = "Acme wants one file."
after = "Send it to Acme."
[defaults]
timeout = "3m"
case = "acme"
"""


@pytest.fixture
def kit(  # noqa: PLR0913, PLR0917  # all that a kit has
    described, wheel, static, tmp_path, running, monkeypatch, public_key
):
    """The program is a kit now."""
    monkeypatch.setattr(registry, "DROP_INS", str(tmp_path / "collectors.d"))
    monkeypatch.setattr(registry.find, "__defaults__", ((), str(tmp_path / "collectors.d"), None))
    monkeypatch.setattr(analysis, "OWN_RULES", str(tmp_path / "rules.d"))
    path = described(DESCRIBED.format(wheel=wheel(), key=f'key = "{public_key}"'), acme=COLLECTOR, ours=RULE)
    make.make(description.read(path), static(), str(tmp_path / "acme-support"))
    return running(str(tmp_path / "acme-support"))


def said(capsys, *words):
    status = program.run(list(words))
    told = capsys.readouterr()
    return status, told.out, told.err


def test_its_collectors_are_asked(kit):
    found = registry.find()
    assert found.refused == []
    assert found.collectors["acme"].origin == "acme-support/collectors/acme.toml"
    assert [source.path for source in questions(found.collectors["acme"], Host())] == ["/etc/acme.conf"]
    assert found.collectors["acme_live"].origin == "entry point acme_live = acme_live"
    assert not registry.is_ours(found.collectors["acme"])


def test_a_drop_in_of_the_same_name_gives_way(kit, tmp_path):
    folder = tmp_path / "collectors.d"
    folder.mkdir(mode=0o755)
    (folder / "acme.toml").write_text(COLLECTOR.replace("/etc/acme.conf", "/old"))
    (folder / "other.toml").write_text(COLLECTOR)
    found = registry.find()
    assert [source.path for source in questions(found.collectors["acme"], Host())] == ["/etc/acme.conf"]
    assert found.passed_over == [(str(folder / "acme.toml"), "acme-support brings a collector of this name, which is asked instead")]
    assert "other" in found.collectors
    with pytest.raises(UsageError, match="two collectors are called 'acme'"):
        registry.find([str(folder / "acme.toml")])


def test_its_rules_judge(kit, tmp_path):
    assert "ACM001" in {rule.code for rule in analysis.registry().rules}
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "old.toml").write_text(RULE.replace("a queue is full", "an old rule") + RULE.replace("ACM001", "ACM002"))
    rules = {rule.code: rule for rule in analysis.log_rules()}
    assert rules["ACM001"].title == "a queue is full"
    assert "ACM002" in rules
    with pytest.raises(UsageError, match="two rules have one code: ACM001"):
        analysis.registry([str(tmp_path / "rules.d")])


def test_its_settings_lie_below_all_others(kit, tmp_path, monkeypatch):
    assert (options.load({}).timeout, options.load({}).case) == ("3m", "acme")
    (tmp_path / "own.toml").write_text('timeout = "4m"\n')
    assert options.load({"config_file": str(tmp_path / "own.toml")}).timeout == "4m"
    monkeypatch.setenv("DIAGBUNDLE_TIMEOUT", "5m")
    assert options.load({"config_file": str(tmp_path / "own.toml")}).timeout == "5m"
    assert options.load({"timeout": "6m"}).timeout == "6m"


def test_the_plan_says_whose_settings_they_are(kit, capsys, monkeypatch, public_key):
    status, out, _ = said(capsys, "plan", "--only", "acme")
    assert status == 0
    assert "What `acme-support collect` would do" in out
    assert '  timeout = "3m"   as acme-support has it\n' in out
    assert '  collector_timeout = "5m"\n' in out
    assert kit.checksum in out
    assert f"`--encrypt-to vendor`: {kit.key}" in out
    monkeypatch.setenv("DIAGBUNDLE_TIMEOUT", "5m")
    assert '  timeout = "5m"\n' in said(capsys, "plan", "--only", "acme")[1]
    told = json.loads(said(capsys, "plan", "--only", "acme", "--json")[1])
    assert told["kit"] == {"name": "acme-support", "title": "Acme Server", "version": "1.0", "checksum": kit.checksum, "key": kit.key}
    assert told["kit_settings"] == ["case"]


def test_a_bundle_names_it_and_the_vendor_speaks(kit, capsys, tmp_path, monkeypatch):
    (tmp_path / "host" / "etc").mkdir(parents=True)
    (tmp_path / "host" / "acme").mkdir()
    (tmp_path / "host" / "etc" / "acme.conf").write_text("pools = 2\n")
    (tmp_path / "host" / "acme" / "live").write_text("1\n")
    code = (
        "import sys; from diagbundle import carried; kit = carried.read(sys.argv.pop(1)); carried.product = lambda: kit\n"
        "from diagbundle.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    words = ["collect", "--yes", "--root", str(tmp_path / "host"), "-o", str(tmp_path), "--only", "acme", "--only", "acme_live"]
    done = subprocess.run([sys.executable, "-c", code, kit.program, *words], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("acme-support 1.0 for Acme Server collects what an engineer needs")
    assert "\nAcme Server says:\n  Acme wants one file.\n" in done.stderr
    assert done.stderr.endswith("\nAcme Server says:\n  Send it to Acme.\n")
    assert "`acme-support plan` shows every item" in done.stderr
    with Bundle.open(done.stdout.strip()) as bundle:
        assert bundle.head["kit"] == carried.told()
        assert {"etc/acme.conf", "acme/live"} <= {row["path"] for row in bundle.rows() if "path" in row}
        assert bundle.head["tool"] == __version__


def test_it_bears_its_name(kit, capsys):
    assert version.tell(["--version"]) == 0
    assert capsys.readouterr().out == f"acme-support 1.0 for Acme Server (diagbundle {__version__})\n"
    status, _, err = said(capsys, "frob")
    assert (status, err) == (2, "acme-support: there is no command 'frob'\nhint: `acme-support --help` lists all commands\n")
    assert said(capsys, "collect", "--help")[1].startswith("Usage: acme-support collect [OPTIONS]")
    assert "`acme-support collect`" in " ".join(said(capsys, "collectors", "--help")[1].split())


def test_no_kit_is_made_of_it(kit, capsys):
    assert "kit" not in group.program.list_commands(None)
    assert said(capsys, "kit", "--product", "x.toml")[2].startswith("acme-support: there is no command 'kit'")


def test_its_key_is_there_for_whoever_encrypts(kit, public_key):
    assert carried.public_key() == public_key


def test_no_text_moves_the_cursor(kit, running):
    first, *lines = vendor_says("Acme\x1b[2J", "one\n\ntwo \x07" + "long " * 30)
    assert first == "Acme\\x1b[2J says:"
    assert lines[:2] == ["  one", ""]
    assert lines[2].startswith("  two \\x07long long")
    assert max(map(len, lines)) <= 78


def test_without_a_program_the_wheel_has_nothing_to_copy(described, capsys):
    status, _, err = said(capsys, "kit", "--product", described())
    assert status == 2
    assert err == "diagbundle: this program is no static file, and cannot copy itself\nhint: name one: --program diagbundle-linux-x86_64\n"


def test_the_command_tells_what_it_made(described, static, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    product = described('collectors = ["acme.toml"]', acme=COLLECTOR)
    status, out, err = said(capsys, "kit", "--product", product, "--program", static(machine=183))
    assert (status, out) == (0, "acme-support\n")
    assert "acme-support 1.0 for Acme Server, for Linux on aarch64" in err
    assert carried.read("acme-support").checksum in err
    (tmp_path / "folder").mkdir()
    assert said(capsys, "kit", "--product", product, "--program", static(), "-o", "folder")[1] == "folder/acme-support\n"
    assert os.access("folder/acme-support", os.X_OK)
    assert said(capsys, "kit", "--product", product, "--program", static())[0] == 2


def test_code_of_a_package_runs_in_children_only(described, wheel, static, tmp_path, running):
    before, code = list(sys.path), f"import os, sys\nsys.path.append(str(os.getpid()))\n{PYTHON}"
    path = described(f'packages = ["{wheel({"acme_live.py": code})}"]\n')
    make.make(description.read(path), static(), str(tmp_path / "acme-support"))
    running(str(tmp_path / "acme-support"))
    assert "acme_live" in registry.find(drop_in_folder="").collectors
    assert sys.path == before
    assert "acme_live" not in sys.modules
