"""What nobody declared: found by sockets, executables and open files; and the template that a vendor starts from."""

import os

import pytest

from diagbundle.collect import declared
from diagbundle.collect.api import File, Host, Table
from diagbundle.collectors import product as module
from diagbundle.collectors.product import product
from diagbundle.model import Stage

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


class Tree:
    """A stand-in host, process by process."""

    def __init__(self, root):
        self.root = str(root)

    def write(self, path, text=""):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w", encoding="utf-8") as file:
            file.write(text)

    def link(self, path, target):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        os.symlink(target, self.root + path)

    def process(self, pid, argv, exe, *, cgroup="0::/system.slice/x.service", cwd="/", descriptors=()):  # noqa: PLR0913 - as many as a process has
        self.write(f"/proc/{pid}/cmdline", "\0".join(argv) + "\0")
        self.write(f"/proc/{pid}/comm", os.path.basename(exe) + "\n")
        self.write(f"/proc/{pid}/cgroup", cgroup + "\n")
        self.link(f"/proc/{pid}/exe", exe)
        self.link(f"/proc/{pid}/cwd", cwd)
        for number, (target, flags) in enumerate(descriptors):
            self.link(f"/proc/{pid}/fd/{number}", target)
            self.write(f"/proc/{pid}/fdinfo/{number}", f"pos:\t0\nflags:\t{flags}\n")

    @property
    def host(self):
        return Host(root=self.root)


@pytest.fixture
def tree(tmp_path):
    made = Tree(tmp_path)
    made.write("/proc/net/tcp", TCP + "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1\n")
    made.write(
        "/proc/net/tcp6", TCP + f"   0: {'0' * 24}01000000:0051 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000  0  0 778 1\n"
    )
    log = ("/opt/acme/logs/server.log", "0102001")
    argv = ["/opt/acme/bin/server", "--config=/opt/acme/extra.yaml", "-c", "/etc/other/acme.ini", "--data", "/opt/acme/missing.conf"]
    made.process(
        41, argv, "/opt/acme/bin/server", cgroup="0::/system.slice/acme-core.service",
        descriptors=[("socket:[777]", "02"), log, ("/opt/acme/logs/readonly.log", "0100000"), ("/opt/acme/pg_wal/000.log", "02"),
                     ("/opt/acme/logs/odd.log", "7" * 5000)],
    )  # fmt: skip
    made.process(42, ["/usr/sbin/nginx"], "/usr/sbin/nginx", descriptors=[("socket:[778]", "02"), ("/var/log/nginx/access.log", "0102001")])
    made.process(43, ["/opt/inner/x"], "/opt/inner/x", cgroup="0::/system.slice/docker-" + "a" * 64 + ".scope")
    made.process(44, ["/usr/bin/sleep", "9"], "/usr/bin/sleep")
    for path in (
        "/opt/acme/extra.yaml",
        "/etc/other/acme.ini",
        "/opt/acme/conf/a/b.xml",
        "/etc/acme/x",
        "/etc/acme-core.conf",
        "/opt/acme/VERSION",
    ):
        made.write(path, "x")
    for path in ("server.log", "server.log.1", "server-2026.log.gz", "other.txt"):
        made.write(f"/opt/acme/logs/{path}", "x")
    made.write("/var/lib/dpkg/info/nginx-core.list", "/.\n/usr/sbin\n/usr/sbin/nginx\n")
    return made


def test_rows(tree):
    rows = {row["pid"]: row for row in module.rows(tree.host)}
    assert set(rows) == {41, 42}, "not what neither listens nor is foreign; nothing of containers"
    acme, nginx = rows[41], rows[42]
    assert acme["listens"] == ["tcp 0.0.0.0:8080"]
    assert (acme["product"], acme["unit"], acme["package"]) == ("acme", "acme-core.service", None)
    assert acme["configuration"] == ["/opt/acme/extra.yaml", "/etc/other/acme.ini"]
    assert acme["logs"] == ["/opt/acme/logs/server.log"]
    assert nginx["listens"] == ["tcp [::1]:81"]
    assert (nginx["product"], nginx["package"]) == (None, "nginx-core")


def test_this_very_run_is_no_product(tree):
    words = ["/opt/tools/bin/diagbundle", "collect"]
    tree.process(900, ["/usr/bin/python3", *words], "/usr/bin/python3.11")
    assert 900 in [row["pid"] for row in module.rows(tree.host)]
    tree.write("/proc/self/cmdline", "\0".join(["/usr/bin/python3", *words]) + "\0")
    assert 900 not in [row["pid"] for row in module.rows(tree.host)]


def test_sources(tree):
    sources = list(product.sources(tree.host))
    assert isinstance(sources[0], Table)
    files = [source.path for source in sources[1:] if isinstance(source, File)]
    expected = {
        "/opt/acme/extra.yaml", "/etc/other/acme.ini", "/opt/acme/conf/a/b.xml", "/etc/acme/x", "/etc/acme-core.conf", "/opt/acme/VERSION",
        "/proc/41/limits", "/proc/41/status", "/opt/acme/logs/server.log",
        "/opt/acme/logs/server.log.1", "/opt/acme/logs/server-2026.log.gz",
    }  # fmt: skip
    assert expected <= set(files)
    assert len(files) == len(set(files))
    assert not [path for path in files if "nginx" in path or "inner" in path or "pg_wal" in path]
    places = {source.at for source in sources[1:] if source.path.startswith("/proc/")}
    assert places == {"diagbundle/product/acme/41/limits", "diagbundle/product/acme/41/status"}


def test_much_configuration_is_bounded_and_said(tree):
    for number in range(module.MAX_FILES + 5):
        tree.write(f"/etc/acme/many/{number}", "x")
    sources = [source for source in product.sources(tree.host) if getattr(source, "path", "").startswith("/etc/acme/")]
    assert len(sources) <= module.MAX_FILES + 1
    assert "left out" in sources[-1].skip


def test_a_large_file_is_no_configuration(tree):
    with open(tree.root + "/etc/acme/huge.json", "wb") as file:
        file.truncate(module.MAX_SIZE + 1)
    (source,) = [source for source in product.sources(tree.host) if isinstance(source, File) and source.path == "/etc/acme/huge.json"]
    assert "no configuration" in source.skip


def test_an_empty_host(tmp_path):
    assert [type(source) for source in product.sources(Host(root=str(tmp_path)))] == [Table]
    assert list(module.rows(Host(root=str(tmp_path)))) == []


PLACES = [
    ("/opt/a/bin/x", ["x"], "/", "/opt/a/bin/x", "a"),
    ("/usr/local/bin/x", ["x"], "/", "/usr/local/bin/x", "x"),
    ("/home/u/app/run", ["run"], "/", "/home/u/app/run", "app"),
    ("/usr/bin/python3.11", ["python3", "-u", "/srv/shop/main.py"], "/", "/srv/shop/main.py", "shop"),
    ("/usr/bin/python3", ["python3", "main.py"], "/opt/shop", "/opt/shop/main.py", "shop"),
    ("/usr/bin/java", ["java", "-Xmx1g", "-Dcatalina.base=/opt/tomcat", "org.Main"], "/", "/opt/tomcat", "tomcat"),
    ("/usr/bin/java", ["java", "-cp", "/usr/share/a.jar:/opt/shop/b.jar", "Main"], "/", "/opt/shop/b.jar", "shop"),
    ("/usr/bin/python3", ["python3", "/usr/bin/tool", "--out", "/home/u/x"], "/", "", None),
    ("/usr/bin/python3", ["python3", "-m", "http.server"], "/", "", None),
    ("/usr/bin/bash", ["-bash"], "/home/u", "", None),
    ("/usr/sbin/sshd", ["sshd", "/opt/x"], "/opt", "", None),
]


@pytest.mark.parametrize(("exe", "argv", "cwd", "place", "name"), PLACES)
def test_what_is_foreign(exe, argv, cwd, place, name):
    assert module.foreign_place(exe, argv, cwd) == place
    if place:
        assert module.Process(1, os.path.basename(exe), exe, argv, place=place).product == name


@pytest.mark.parametrize(
    ("path", "is_log"),
    [
        ("/opt/a/x.log", True),
        ("/opt/a/logs/y", True),
        ("/opt/a/catalina.out", True),
        ("/opt/a/x.log.1", True),
        ("/opt/a/x.log-20260101", True),
        ("/var/lib/pg/pg_wal/0001", False),
        ("/opt/kafka/logs/t-0/00000000000000000042.log", False),
        ("/var/lib/mysql/db-bin.000007", False),
        ("/opt/a/x.log (deleted)", False),
        ("/opt/a/data/x", False),
        ("/opt/a/logs/a.pid", False),
        ("/dev/log", False),
        ("/opt/a/catalog", False),
    ],
)
def test_what_is_a_log(path, is_log):
    assert module.is_log(path) is is_log


def test_the_template_is_a_collector_that_uses_every_key():
    path = os.path.join(TOP, "packaging", "collector-template.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = declared.parse(text.encode(), "/etc/diagbundle/collectors.d/my_product.toml")
    assert found.stage is Stage.LOGS
    sources = [*found.sources(Host()), *found.samples(Host())]
    assert {type(source).__name__ for source in sources} == {"File", "Command", "Probe"}
    for key in {*declared._FILE, *declared._COMMAND, *declared._PROBE, "title", "stage", "folder", "needs", "default"}:
        assert f"\n{key} = " in text, f"the template does not show '{key}'"
    for kind in declared.PROBES:
        assert kind in text


def test_configuration_that_the_script_the_unit_or_the_vendor_names(tree):
    argv = ["/bin/bash", "/usr/local/bin/beta-orders"]
    tree.process(50, argv, "/usr/bin/bash", cgroup="0::/system.slice/beta-orders.service")
    tree.write("/usr/local/bin/beta-orders", ". /etc/named/in-script.conf\ncat $D/etc/not/this.conf /etc/not/there.conf /etc/shadow\n")
    tree.write("/etc/systemd/system/beta-orders.service", "[Service]\nEnvironmentFile=-/etc/named/environment\nExecStart=/bin/true\n")
    there = ("/etc/named/in-script.conf", "/etc/named/environment", "/etc/beta/orders.conf", "/etc/not/this.conf", "/etc/shadow")
    for path in there:
        tree.write(path, "x")
    asked = {source.path for source in product.sources(tree.host) if isinstance(source, File)}
    assert asked & set(there) == set(there[:3])


def test_a_script_that_is_huge_or_no_file_is_not_searched(tree):
    for pid, name in ((51, "huge"), (52, "folder")):
        tree.process(pid, ["/bin/bash", f"/usr/local/bin/{name}"], "/usr/bin/bash")
    tree.write("/usr/local/bin/huge", "/etc/named.conf\n" + "#" * module.MAX_SCRIPT)
    tree.write("/etc/named.conf", "x")
    os.makedirs(f"{tree.root}/usr/local/bin/folder")
    assert "/etc/named.conf" not in {source.path for source in product.sources(tree.host) if isinstance(source, File)}
