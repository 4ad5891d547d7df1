"""Secrets in what switches, routers and firewalls print of their configuration."""

from __future__ import annotations

from diagbundle.redact.places.directives import Directive, by_anchor, directive
from diagbundle.redact.span import Pattern

_DIRECTIVES: tuple[Directive, ...] = (
    directive(b"server-private ", rb"server-private \S{1,64} (?:[^\n]{1,100}? )?key (?:[0-9] )?<V>", sure=True),
    directive(b"aaa-server ", rb"aaa-server [^\n]{1,120}\n key (?:[0-9] )?<V>", sure=True, several=True),
    directive(b"password manager |password operator ",
        rb"password (?:manager|operator) (?:user-name \S{1,64} )?(?:(?:plaintext|sha\d{1,3}) )?<V>"),
    directive(b"mgmt-user ", rb"mgmt-user \S{1,64} \S{1,64} ([0-9a-f]{16,128})(?!\S)", sure=True),
    # Before many secrets stands a digit: how they are encrypted, 7 so that everybody can read them.
    directive(b"password 0 |password 7 |password 4 |password 5 |password 8 |password 9 |secret 0 |secret 4 |secret 5 |secret 8 |secret 9 ",
        rb"(?:password|secret) (?:7 ([0-9A-Fa-f]{6,256})|[4589] (\S{12,256})|0 <V>)(?!\S)"),
    directive(b"key 0 ", rb"key 0 <V>(?=\s{0,8}(?:\n|\Z))"),
    directive(b"password ciphertext |password plaintext |password encrypted |password unencrypted |password irreversible "
        b"|key ciphertext |key plaintext |key encrypted |secret ciphertext |secret plaintext |auth-pass ciphertext |priv-pass ciphertext "
        b"|auth-pass plaintext |priv-pass plaintext ",
        rb"(?:password|key|secret|auth-pass|priv-pass) (?:ciphertext|plaintext|(?:un)?encrypted|irreversible) <V>"
        rb"(?: priv-pass (?:ciphertext|plaintext) <V>)?"),
    directive(b"vrrp |standby ", rb"(?:vrrp|standby) \d{1,4} authentication (?!md5 |text )<V>"),
    directive(b"configure account |create account ",
        rb"(?:configure|create) account (?:admin |user )?\S{1,64} (?:encrypted )?<V>(?=\s{0,8}(?:\n|\Z))"),
    directive(b"plaintext-password |plaintext-password-value ", rb"plaintext-password(?:-value)? <V>"),
    directive(b"key 7 |key 6 ", rb"key [67] ([0-9A-Fa-f]{6,256})(?!\S)"),
    directive(b"enable password |enable secret ", rb"enable (?:password|secret) (?:level \d{1,2} )?(?:[0-9] )?<V>"),
    directive(b"tacacs-server |radius-server ", rb"(?:tacacs|radius)-server (?:[^\n]{1,300}? )?key (?:[0-9] )?<V>", sure=True),
    directive(b"neighbor ", rb"neighbor \S{1,64} password (?:[0-9] )?<V>", sure=True),
    directive(b"isakmp key ", rb"isakmp key (?:[0-9] )?<V> (?:address|hostname)", sure=True),
    directive(b"pre-shared-key ",
        rb"pre-shared-key (?:(?:local|remote|ascii-text|hexadecimal|key|address \S{1,64}) ){0,3}(?:[0-9] )?<V>"),
    directive(b"chap password |pap password |chap secret ", rb"(?:chap|pap) (?:password|secret) (?:[0-9] )?<V>"),
    directive(b"pap sent-username ", rb"pap sent-username \S{1,64} password (?:[0-9] )?<V>", sure=True),
    directive(b"authentication text ", rb"authentication text (?:[0-9] )?<V>"),
    directive(b"md5 key-string ", rb"md5 key-string (?:[0-9] )?<V>", sure=True),
    directive(b"wpa-psk |set-key ", rb"(?:wpa-psk|set-key) (?:ascii|hex) (?:[0-9] )?<V>", sure=True),
    directive(b"snmp-server user ",
        rb"snmp-server user \S{1,64} \S{1,64} (?:remote \S{1,64} )?(?:v3 )?(?:encrypted )?auth (?:md5|sha\S{0,8}) <V>"
        rb"(?: priv (?:(?:des|3des|aes(?:\W?\d{3})?) )?<V>)?", sure=True),
    directive(b"snmp-server host ",
        rb"snmp-server host (?:[a-z]{2,16} )?\S{1,64} (?:(?:traps?|informs?|vrf \S{1,64}|community|version (?:1|2c)) ){0,4}"
        rb"(?!traps?\s|informs?\s|vrf\s|version\s|poll\s|community\s)<V>"),
    directive(b"snmp-agent community |set community |add snmp community ",
        rb"(?:snmp-agent|set|add snmp) community (?:(?:read|write) )?(?!(?:cipher|simple|complexity|read|write|strings?)\b)<V>"),
    directive(b"/snmp community ", rb"/snmp community (?:set|add) (?:[^\n]{1,80}? )?name=<V>", sure=True),
    directive(b"authentication simple |authentication-mode simple |authentication-mode md5 ",
        rb"authentication(?:-mode)? (?:simple|md5) (?:\d{1,3} )?(?:plain )?(?!cipher\s)<V>(?=\s{0,8}(?:\n|\Z))", sure=True),
    directive(b"authentication psk ", rb"authentication psk \S{1,64} secret <V>", sure=True),
    directive(b"password-hash ", rb"password-hash <V>(?=\s{0,8}(?:\n|\Z))"),
    directive(b"set snmp community ", rb"set snmp community <V>", sure=True),
    directive(
        b"set password |set passwd |set psksecret |set passphrase |set sae-password |set auth-pwd |set priv-pwd |set secret |set key ",
        rb"set (?:password|passwd|psksecret|passphrase|sae-password|auth-pwd|priv-pwd|secret|key) (?!ENC\s)<V>(?=\s{0,8}(?:\n|\Z))"),
    directive(b"isis password |area-password |domain-password ",
        rb"(?:isis password|(?:area|domain)-password) (?:(?:md5|clear|text|level-[12]|[0-9]) ){0,2}<V>"),
    directive(b"super password ", rb"super password (?:level \d{1,2} )?(?:cipher|simple|hash) <V>", sure=True),
    directive(b"plain-text-password-value ", rb"plain-text-password-value <V>", sure=True),
    directive(b" ENC ", rb" ENC ([A-Za-z0-9+/]{16,512}={0,2})(?!\S)", sure=True),
    directive(b"password cipher |password simple |key cipher |key simple |read cipher |write cipher |irreversible-cipher ",
        rb"(?:password|key|read|write|irreversible)\W(?:cipher|simple) <V>"),
)  # fmt: skip
PATTERNS: tuple[Pattern, ...] = by_anchor(_DIRECTIVES)
