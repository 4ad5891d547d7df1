import base64
import shutil
import subprocess

import pytest
from storage_hosts import files, host

from diagbundle.collectors.certificates import certificates, named_in, rows

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make certificates")


def made(folder, name="db1.example", days="10"):
    """Certificate and private key, as PEM."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days]
    words += [
        "-keyout",
        str(folder / "key"),
        "-out",
        str(folder / "crt"),
        "-subj",
        f"/O=Test/CN={name}",
        "-addext",
        f"subjectAltName=DNS:{name}",
    ]
    subprocess.run(words, check=True, capture_output=True)
    return (folder / "crt").read_text(), (folder / "key").read_text()


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("ssl_certificate /etc/nginx/a.pem;", ["/etc/nginx/a.pem"]),
        ("ssl_certificate_key /etc/nginx/a.key;", []),
        ("SSLCertificateFile /etc/x.crt", ["/etc/x.crt"]),
        ("SSLCertificateKeyFile /etc/x.key", []),
        ("bind *:443 ssl crt /etc/haproxy/certs/ alpn h2", ["/etc/haproxy/certs/"]),
        ("smtpd_tls_cert_file = /etc/p.pem", ["/etc/p.pem"]),
        ("smtpd_tls_CApath = /etc/ssl/certs", []),
        ("ssl_cert = </etc/dovecot/x.pem", ["/etc/dovecot/x.pem"]),
        ("ssl_ca_file = '/x/root.crt'", ["/x/root.crt"]),
        ('"tlscert": "/var/docker/server.pem",', ["/var/docker/server.pem"]),
        ("    - --client-ca-file=/etc/kubernetes/pki/ca.crt", ["/etc/kubernetes/pki/ca.crt"]),
        ("    - --tls-private-key-file=/etc/kubernetes/pki/apiserver.key", []),
        ("  certificateKeyFile: /m/both.pem", ["/m/both.pem"]),
        ("log_file = /var/log/cache.log", []),
        ("ssl_certificate /etc/nginx/new.pem; # was: ssl_certificate /etc/nginx/old.pem;", ["/etc/nginx/new.pem"]),
        ('ssl_certificate "/etc/nginx/#1.pem";', ["/etc/nginx/#1.pem"]),
    ],
)
def test_configurations_name_certificates(line, paths):
    assert named_in(line) == paths


@needs_openssl
def test_a_bundle_with_a_key_gives_fields_only(tmp_path):
    certificate, key = made(tmp_path)
    on = host(tmp_path / "host", {
        "/etc/haproxy/haproxy.cfg": "frontend x\n  bind :443 ssl crt /data/certs\n# crt /commented.pem\n",
        "/data/certs/site": key + certificate,
        "/etc/ssl/certs/expired.pem": certificate,
        "/etc/nginx/nginx.conf": "ssl_certificate /missing.pem;\nssl_certificate /etc/nginx/nothing.pem;\n",
        "/etc/nginx/nothing.pem": "no certificate",
        "/etc/pki/store.jks": "x",
        "/etc/kubernetes/kubelet.conf": f"client-certificate-data: {base64.b64encode(certificate.encode()).decode()}\n",
    })  # fmt: skip
    found = {row["path"]: row for row in rows(on)}
    site = found["/data/certs/site"]
    assert site["subject"] == "O=Test, CN=db1.example"
    assert site["named_by"] == "/etc/haproxy/haproxy.cfg:2"
    assert site["names"] == ["db1.example"]
    assert (site["key"], site["self_signed"], site["days_left"]) == ("ec secp256r1", True, 9)
    assert found["/missing.pem"]["error"] == "there is no such file"
    assert found["/etc/nginx/nothing.pem"]["error"].startswith("no certificate")
    assert found["/etc/pki/store.jks"]["kind"] == "key store"
    assert found["/etc/kubernetes/kubelet.conf"]["subject"] == site["subject"]
    assert "/commented.pem" not in found
    assert "PRIVATE" not in str(found)
    secret = "".join(key.splitlines()[1:-1])
    assert not any(secret[start : start + 20] in str(found) for start in range(0, len(secret) - 20, 20))


@needs_openssl
def test_one_file_with_many_names_is_told_once(tmp_path):
    certificate, _ = made(tmp_path)
    on = host(tmp_path / "host", {"/etc/ssl/certs/real.pem": certificate})
    (tmp_path / "host/etc/ssl/certs/0a1b2c.pem").symlink_to("real.pem")
    assert len(list(rows(on))) == 1


def test_the_files_stay_where_they_are(tmp_path):
    assert files(certificates, host(tmp_path, {"/etc/ssl/certs/a.pem": "x", "/etc/nginx/b.crt": "x"})) == set()
