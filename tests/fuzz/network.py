"""What comes back over the network, over a socket, or from the kernel about the network. Nothing is ever sent here."""

import json
import socket
import struct
from contextlib import suppress
from itertools import islice

from diagbundle.collectors import _containers_docker as docker
from diagbundle.collectors import ethtool
from diagbundle.host import Host
from diagbundle.model import Probe
from diagbundle.sources import probe, probe_link, probe_names, probe_net, probe_path, probe_route, probe_tls, probe_web, x509

from . import answers, hosts, place

KINDS = tuple(probe.KINDS)


class Replay:
    """A connection that gives these bytes in pieces, then ends."""

    def __init__(self, data):
        self.pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
        self.data = bytearray()

    def send(self, data):
        pass

    def more(self):
        self.data += (piece := self.pieces.pop(0) if self.pieces else b"")
        return bool(piece)

    take = probe_net.Stream.take
    until = probe_net.Stream.until


class Netlink:
    """A socket to the kernel that says these bytes and nothing more."""

    def __init__(self, data):
        self.data = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]

    def __call__(self, *_):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def settimeout(self, seconds):
        pass

    def sendto(self, data, where):
        pass

    def recv(self, _most):
        if not self.data:
            raise TimeoutError("nothing more comes")
        return self.data.pop(0)


def _refused(*_):
    raise PermissionError(1, "nothing is sent")


def _rows(rows):
    """Rows as the engine writes them."""
    for row in rows:
        json.dumps(row, default=str)


def certificates(data):
    """Files that may hold certificates."""
    _rows(x509.certificates(data))


def certificate(data):
    """One certificate in DER, with the doubts that a client would have."""
    row = x509.from_der(data)
    _rows([row])
    if "error" not in row:
        probe_tls.doubts(row, "db1.example")


def dns_answer(data):
    """The answer of a name server."""
    reply = probe_names.Reply("db1.example", "A")
    probe_names.read_answer(data, reply)
    _rows([reply.row()])


def tls_flight(data):
    """What comes back to a hello."""
    _rows(probe_tls.flight_rows(Replay(data), "db1.example"))


def starttls(data):
    """What a server of another protocol says before TLS; the first line is the protocol."""
    protocol, _, said = data.partition(b"\n")
    _rows(probe_tls.flight_rows(Replay(said), "db1.example", protocol.decode("latin-1")))


def web_answer(data):
    """What a web server or a proxy says."""
    probe_web.page_of(data)
    _rows([probe_web.connect(Replay(data), "db1.example:443"), probe_web._get(Replay(data), "GET / HTTP/1.1\r\n\r\n")])
    _rows([probe_web.compared({"direct": [data], "proxy": [data[1:] or b"x"]})])


def datagram(data):
    """An answer of a time server, an ARP frame, an error of the kernel's queue."""
    _rows([probe_path.time_of(data, b"12345678", 1.0, 2.0)])
    probe_link._answer(data, b"\2" * 6, b"\x0a\0\0\1")
    with suppress(struct.error):  # as `Datagrams` takes it
        str(probe_net.icmp_of(data))


def kernel_routes(data):
    """What netlink says about ways, neighbours and own addresses."""
    for ask in (lambda: str(probe_route.way_to(probe_net.Address("10.0.0.1"))), lambda: list(probe_route.neighbours()),
                lambda: list(probe_route.own_addresses())):  # fmt: skip
        with place.patched(socket, "socket", Netlink(data)):
            ask()


def target(data):
    """Targets and options of probes, as configuration names them: `kind target` and then `option=value` lines."""
    lines = place.text_of(data).split("\n")
    kind, _, whom = lines[0].partition(" ")
    options = tuple(tuple(line.split("=", 1)) for line in lines[1:9] if "=" in line)
    probe_names._silent.clear()
    with place.patched(socket, "socket", _refused):
        for one in {kind, KINDS[len(data) % len(KINDS)]}:
            host = Host(root=place.tree().root, live=True)
            _rows(islice(probe.run(Probe(one, whom, options=options, timeout=0.5), host), 200))


def resolver(data):
    """Hosts file, resolver's configuration and counters of the host, as probes read them; the names are those of the files."""
    host = place.tree().become(data)
    host.live = True
    names = ["db1", "db1.example", *(word for _, content in hosts.parse(data) for word in place.text_of(content).split()[:30])]
    probe_names.name_servers(host)
    probe._icmp(host)
    for name in names:
        probe_names.hosts_file(host, name)
        probe_names.candidates(host, name)
    probe_names._silent.clear()
    with place.patched(socket, "socket", _refused):
        _rows(probe.run(Probe("tcp", "db1.example:80", timeout=0.5), host))


def docker_socket(data):
    """What Docker's socket says."""
    with place.patched(docker, "_exchange", lambda _place, _request: data):
        _rows(islice(docker.api_rows(place.tree().become(b"=== /run/docker.sock")), 200))


def driver(data):
    """What a network driver says to ethtool's questions; a few names stand for the many that it may have."""
    with place.patched(ethtool, "MOST_STRINGS", 500):
        _driver(data)


def _driver(data):
    for fact, reader in ethtool.READERS.items():
        try:
            _rows(
                [
                    {
                        "fact": fact,
                        **reader(lambda _code, request, room: data[: 4 + len(request) + room].ljust(4 + len(request) + room, b"\0")),
                    }
                ]
            )
        except OSError:  # as the table takes it
            continue


SEEDS = {
    certificates: lambda: [*answers.pem(), answers.certificate()],
    certificate: lambda: [answers.certificate()],
    dns_answer: answers.dns_answers,
    tls_flight: answers.flights,
    starttls: lambda: [name.encode() + b"\n" + said + answers.flights()[0] for name, said in answers.GREETINGS.items()],
    web_answer: lambda: [*answers.PAGES, answers.certificate()],
    datagram: lambda: [
        answers.time_answer(),
        answers.icmp(),
        bytes(12) + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" + bytes(6) + b"\x0a\0\0\1" + bytes(10),
    ],
    kernel_routes: lambda: [answers.netlink()],
    target: lambda: [f"{kind} {whom}\n{options}".encode() for kind in KINDS for whom, options in TARGETS],
    docker_socket: lambda: [answers.DOCKER],
    driver: lambda: [answers.driver_answer()],
}
"""Seeds that are made; those of `resolver` lie in seeds/."""
TARGETS = (
    ("10.0.0.1:80", "name=db1.example\nproxy=10.0.0.9:3128"), ("[fd00::1]:443", "starttls=smtp\nname=db1.example"), ("db1.example:22,80,443", "dev=eth0"),
    ("http://u:p@10.0.0.1:8080/a?b=c#d", "proxy=[fd00::2]:3128"), ("fe80::1%lo", "dev=lo"), ("169.254.169.254", ""), ("22,80", ""), ("::ffff:10.0.0.1", ""),
)  # fmt: skip
