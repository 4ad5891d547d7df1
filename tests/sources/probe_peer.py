"""The other end for the tests of probes: run in a network namespace of its own, it serves and misbehaves on many ports.

usage: probe_peer.py DIRECTORY-OF-CERTIFICATES; says "ready" when it listens.
"""

import socket
import ssl
import struct
import sys
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

NAMES = {
    "ok.example.": ("10.77.0.2", "fd77::2"),
    "slow.example.": ("10.77.0.2",),
    "meta.example.": ("169.254.169.254",),
    "empty.example.": (),
}
RCODES = {"nx.example.": dns.rcode.NXDOMAIN, "fail.example.": dns.rcode.SERVFAIL, "refused.example.": dns.rcode.REFUSED}
PAGE = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nSet-Cookie: s=1\r\n\r\n<html><title>%s</title></html>"


def contexts(folder):
    def server(name, least=None, most=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
        context.minimum_version = least or context.minimum_version
        context.maximum_version = most or context.maximum_version
        return context

    wants = server("app")
    wants.load_verify_locations(f"{folder}/one.pem")
    wants.verify_mode = ssl.CERT_OPTIONAL
    return {
        "app": server("app"), "old": server("old"), "other": server("other"), "wants": wants,
        "new": server("app", least=ssl.TLSVersion.TLSv1_3),
    }  # fmt: skip


def serve(port, handle, address="::"):
    listener = socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=20)

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=guarded, args=(handle, connection), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def guarded(handle, connection):
    try:
        with connection:
            handle(connection)
    except (OSError, ssl.SSLError, ValueError):
        pass


def tls(context):
    def handle(connection):
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return handle


def says(answer):
    def handle(connection):
        connection.recv(4096)
        connection.sendall(answer)

    return handle


def silent(_connection):
    time.sleep(20)


def drip(connection):
    """An answer that never ends."""
    while True:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: y\r\n" * 500)


def after(words, context):
    def handle(connection):
        for question, answer in words:
            if question:
                connection.recv(4096)
            connection.sendall(answer)
        tls(context)(connection)

    return handle


def tunnel(connection):
    target = connection.recv(4096).split()[1].decode()
    with socket.create_connection(("10.77.0.2", int(target.rpartition(":")[2]))) as onward:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=guarded, args=(lambda _: pump(onward, connection), onward), daemon=True).start()
        pump(connection, onward)


def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)


def intercept(context):
    def handle(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        tls(context)(connection)

    return handle


def answer(data, *, tcp):
    query = dns.message.from_wire(data)
    name, kind = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
    if name == "silent.example.":
        return None
    if name == "garbage.example.":
        return data[:2] + b"\x81\x80\xff\xff\xff\xff\xc0\x0c"
    if name == "slow.example.":
        time.sleep(0.7)
    response = dns.message.make_response(query)
    response.set_rcode(RCODES.get(name, dns.rcode.NOERROR if name in NAMES or name == "big.example." else dns.rcode.NXDOMAIN))
    if name == "big.example." and not tcp:
        response.flags |= dns.flags.TC
    elif name == "big.example." and kind == "A":
        response.answer.append(
            dns.rrset.from_text_list(name, 5, "IN", "A", [f"10.99.{number // 250}.{number % 250}" for number in range(900)])
        )
    wanted = [text for text in NAMES.get(name, ()) if (":" in text) == (kind == "AAAA")]
    if wanted and kind in ("A", "AAAA"):
        response.answer.append(dns.rrset.from_text_list(name, 5, "IN", kind, wanted))
    return response.to_wire(max_size=65535)


def datagrams(port, reply):
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("::", port))

    def one(data, address):
        if (back := reply(data)) is not None:
            server.sendto(back, address)

    def loop():
        while True:
            threading.Thread(target=one, args=server.recvfrom(4096), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def ntp(data):
    now = struct.pack("!II", int(time.time()) + 2208988800 + 100, 0)
    return bytes([0x24, 2, 6, 0xEC]) + bytes(8) + bytes([10, 0, 0, 9]) + now + data[40:48] + now + now


def dns_stream(connection):
    back = answer(connection.recv(4096)[2:], tcp=True)
    if back:
        connection.sendall(len(back).to_bytes(2, "big") + back)


def main():
    known = contexts(sys.argv[1])
    starttls = {
        25: [(False, b"220 mail ESMTP\r\n"), (True, b"250-mail\r\n250 STARTTLS\r\n"), (True, b"220 go\r\n")],
        5432: [(True, b"S")],
        389: [(True, bytes.fromhex("300c02010178070a010004000400"))],
        143: [(False, b"* OK\r\n"), (True, b"a OK go\r\n")],
    }
    for port, words in starttls.items():
        serve(port, after(words, known["app"]))
    for port in (7000, 7001, 7002, 7003, 7004, 7005):
        serve(port, silent)
    for number, name in enumerate(("app", "old", "new", "wants", "other")):
        serve(4431 + number, tls(known[name]))
    serve(4440, says(PAGE % (b"400 Bad Request", b"plain")))
    serve(4441, silent)
    serve(4442, says(b"\x16\x03\x03\x40\x00" + b"\xff" * 20000))
    serve(8080, says(PAGE % (b"503 Service Unavailable", b"try later")))
    serve(8081, drip)
    serve(8082, says(b"\x00\x01\x02 no HTTP"))
    serve(3128, tunnel)
    serve(3129, intercept(known["other"]))
    serve(3130, says(PAGE % (b"200 OK", b"Please log in")))
    serve(3131, says(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"))
    serve(3132, says(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    serve(3133, says(b"HTTP/1.1 504 Gateway Timeout\r\n\r\n"))
    serve(53, dns_stream)
    datagrams(53, lambda data: answer(data, tcp=False))
    datagrams(123, ntp)
    full = socket.create_server(("10.77.0.2", 7006), backlog=0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)  # noqa: FBT003
        filler.connect_ex(("10.77.0.2", 7006))
    print("ready", flush=True)  # noqa: T201
    sys.stdin.read()
    full.close()


if __name__ == "__main__":
    main()
