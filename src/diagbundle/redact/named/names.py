"""Names and what they say of their values: a password always, a key perhaps, a keyboard never."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from diagbundle.redact.lazy import regex


class Meaning(NamedTuple):
    """What a name says of the value behind it."""

    strength: int
    """NO, WEAK: the value goes if it looks random, STRONG: it goes whatever it looks like."""
    kind: str = ""
    many: bool = False
    """The name stands for several values: a number behind it is how many there are."""
    hexes: bool = False
    """Of a weak name: a long hexadecimal number is a secret, not the id of something."""
    digits: bool = False
    """Of a weak name: four to eight digits are a secret."""


NO, WEAK, STRONG = range(3)
NOTHING = Meaning(NO)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# One word that says it, in the languages whose programs are met; without accents, for `_words` takes them away.
PASSWORDS = _set("""
    password passwords passwd passwds pwd pwds pass passphrase passphrases passcode passwort passworte passworter kennwort
    kennworter passe motdepasse mdp wachtwoord wachtwoorden passord losenord adgangskode salasana jelszo sifre parola
    parolachiave contrasena contrasenas contrasea contrasenia senha senhas haslo hasło heslo sisma סיסמה סיסמא пароль пароли 密码
    密碼 パスワード 비밀번호 pw userpw bindpw rootpw authtok requirepass masterauth mnemonic psk otp totp upw loginpw adminpw spw mypw cvv
    cvc userpwd unlockcode recoverycode rootpwmodpw modpw passwordhash passhash pwhash passwdhash
    contrasenya contrasinal contrasinais pasahitza kodeord parool parole lozinka geslo slaptazodis lykilorð katasandi sandi matkhau κωδικος
    парола лозинка 口令 暗証番号 パスフレーズ パスコード 암호
""")
SECRETS = _set("""
    secret secrets geheimnis geheim secreto segredo secretkey clientsecret pepper kek dek rocommunity rwcommunity community
    secretaccesskey requestsecret communities icesecretread icesecretwrite секрет тайна секретныи シークレット 시크릿
""")
TOKENS = _set("""
    token tokens jeton jetons jwt bearer apitoken tok phpsessid jsessionid aspsessionid sessid accesstoken refreshtoken
    authtoken idtoken токен トークン 令牌 토큰
""")
KEYS = _set("""
    apikey apikeys authkey privkey privatekey accesskey masterkey encryptionkey signingkey sharedkey accountkey sharedaccesskey
    licensekey licencekey activationkey activationkeys registrationkey enrollmentkey deploykey consumerkey storagekey integrationkey
    sessionkey secretkey authenticationkey presharedkey cryptokey wepkey clekey apischlussel apischluessel geheimschlussel
    geheimschluessel 密钥 密鑰 秘钥 秘密鍵
""")
CREDENTIALS = _set("credential credentials zugangsdaten")
ONE = {
    **dict.fromkeys(PASSWORDS, "password"),
    **dict.fromkeys(SECRETS, "secret"),
    **dict.fromkeys(TOKENS, "token"),
    **dict.fromkeys(KEYS, "key"),
    **dict.fromkeys(CREDENTIALS, "credential"),
}

UNPARTED = {word: kind for word, kind in ONE.items() if word[0] >= "\u3040"}
COPULAS = "\u4e3a\u662f\u306f\u304c"
"""What may stand behind such a name: `密码为`, `パスワードは`."""

# Two words that say it together.
KEY_OF = _set("""
    api auth access account private secret signing signature sign encryption encrypt enc crypto cipher symmetric master shared
    session service storage license licence deploy deployment client app application jwt hmac aes wep wpa psk preshared pre
    security product registration activation data root unseal recovery unlock decrypt decryption consumer admin partner merchant
    integration write ingest server subscription function functions sas cookie validation machine wireless webhook webhooks vault bot
    rest user backup restic borg luks volume disk wrapping priv certificate tsig rndc ddns bearer token authentication
    authorization cle chave clave integration wlan wifi archiver upgrade
""")
VENDORS = _set("""
    pagerduty opsgenie victorops datadog newrelic sendgrid mailgun mailchimp mandrill postmark sparkpost twilio vonage nexmo stripe paypal
    openai anthropic gemini mistral cohere algolia mapbox rollbar bugsnag honeybadger sentry loggly papertrail logzio logdna cloudflare
    vultr linode heroku fastly github gitlab bitbucket jenkins jira slack telegram discord
""")
"""Whose keys are hexadecimal, and mostly called by their name."""
KEY_WORDS = _set("key keys schluessel schlussel cle cles clave claves chave chaves")
NOT_KEY_OF = _set("""
    public pub peer primary foreign partition sort cache routing hot cold object row hash range index unique idempotency dedup
    deduplication message lookup translation map dict json registry config group shard join candidate composite event metric
    label tag lock redis state s3 authorized trusted known any each this arrow shift ctrl alt escape enter meta error
    keyboard natural surrogate business correlation column field sorting search query publishable site job task topic
    websocket socket context item property element
""")
PAIRS = {
    **{(left, key): "key" for left in KEY_OF for key in KEY_WORDS},
    **{(key, right): "key" for key in ("cle", "clave", "chave") for right in ("api", "privee", "secrete", "secreta", "privada")},
    ("de", "passe"): "password", ("unlock", "code"): "password", ("recovery", "code"): "password", ("recovery", "codes"): "password",
    ("verification", "code"): "password", ("backup", "code"): "password", ("backup", "codes"): "password", ("mfa", "code"): "password",
    ("activation", "code"): "password", ("key", "material"): "key", ("key", "base"): "key", ("deterministic", "key"): "key",
    ("s", "key"): "key",
    ("derivation", "salt"): "secret", ("alarm", "code"): "password", ("disarm", "code"): "password", ("door", "code"): "password",
    ("otp", "code"): "password", ("auth", "code"): "token", ("authorization", "code"): "token", ("pin", "code"): "password",
    ("access", "code"): "password", ("security", "code"): "password", ("pass", "word"): "password", ("pass", "phrase"): "password",
    ("pass", "wd"): "password", ("seed", "phrase"): "secret", ("recovery", "phrase"): "secret", ("private", "pem"): "key",
    ("snmp", "community"): "secret", ("community", "string"): "secret", ("ro", "community"): "secret", ("rw", "community"): "secret",
    ("trap", "community"): "secret", ("read", "community"): "secret", ("write", "community"): "secret", ("connect", "sid"): "token",
    ("session", "cookie"): "token", ("auth", "cookie"): "token", ("erlang", "cookie"): "secret", ("rediscli", "auth"): "password",
    ("master", "auth"): "password", ("amz", "signature"): "token", ("goog", "signature"): "token", ("auth", "tok"): "password",
    ("shared", "signature"): "token", ("palabra", "clave"): "password", ("parola", "chiave"): "password", ("secret", "base"): "secret",
    ("auth", "ident"): "credential", ("authentication", "string"): "password", ("sonar", "login"): "token",
    ("private", "exponent"): "key", ("rad", "key"): "key", ("initial", "management"): "token", ("saml", "response"): "token",
 ("signing", "salt"): "secret", ("encryption", "salt"): "secret",
    **{(store, code): "key" for store in ("keystore", "pfx", "pkcs", "jks", "kubeconfig", "keychain", "keytab")
       for code in ("base", "b", "data", "content", "contents")}, ("p", "base"): "key",
    ("proxy", "auth"): "credential", ("basic", "auth"): "credential", ("http", "auth"): "credential",
}  # fmt: skip

# A word that goes only where its value looks random.
WEAK_ONE = {
    **dict.fromkeys(KEY_WORDS, Meaning(WEAK, "key")),
    **dict.fromkeys(("cred", "creds", "cookie", "cookies", "session", "sid", "pat", "sk", "code"), Meaning(WEAK, "credential")),
    **dict.fromkeys(("auth",), Meaning(WEAK, "credential", hexes=True)),
    **dict.fromkeys(("sessionid", "ticket"), Meaning(WEAK, "credential", hexes=True)),
    **dict.fromkeys(("sig", "signature", "salt", "seed", "hmac", "assertion"), Meaning(WEAK, "secret", hexes=True)),
    **dict.fromkeys(("pin", "pins", "puk", "puks", "tan"), Meaning(WEAK, "password", digits=True)),
}
SECRET_ID = Meaning(WEAK, "secret", hexes=True, digits=False)

# Words behind that make of it something about the secret, not the secret.
ABOUT = _set("""
    file files filename filepath path paths pathname dir directory folder name names id ids ref refs reference references url
    urls uri uris endpoint endpoints type types policy policies length len size sizes count counts counter counters number num
    nums age ttl expiry expire expires expired expiration lifetime validity alg algo algorithm algorithms encoding encoder
    encryption format formats version versions required require requires requirement requirements enabled enable disabled
    disable allowed allow changed change changes prompt prompts field fields column columns label labels hint hints strength min
    max minimum maximum attempt attempts retries retry auth authentication authenticate login manager provider providers bucket
    reuse rotation rotate rotated reset store backend class source sources command cmd script helper handler plugin method
    methods mode event events status state error errors message messages valid invalid is has usage used use scope scopes issuer
    audience claim claims header headers param params parameter parameters domain secure httponly samesite issued created
    updated modified date time timestamp timeout seconds days hours history warn warning check checks checker quality protected
    protection protect set last score complexity rule rules regex pattern chars characters charset prefix less lessness
    permission permissions cost iterations rounds per limit limits limiter bits interval period delay revoked renewed refreshed
    rejected accepted location binding service services server servers host hosts info details detail metadata meta
    stdin prompted output input visible at on by exists missing present kind sum checksum fingerprint fingerprints
    digest thumbprint owner user users username subject title description desc comment placeholder autocomplete generator
    factory validator parser reader writer maps mapped namespace namespaces cache request requests response handling management
    operation operations listener filter flow grant grants map mapping template size bytes index tracker
    usages cert certs certificate certificates
    spec specs column row rows screen page form view link button icon text fd socket proxy engine module driver
    device serial slot curve exchange agreement board code codes map stroke down up press space ring rings chain pair pairs
    frame event word words reqd
    uuid uuids query queries attr attrs attribute attributes
    option options setting settings config configuration variable variables accessor accessors exception
    builder util utils context entity repository strategy interceptor component controller wrapper middleware decorator callback
    hasher hashers
    lease leases dto flag flags identity identities scheme schemes dialog to
""")
ABOUT_KEY = ABOUT | _set("value values usage derivation schedule")
KEPT_BEHIND = _set("hash hashed value data string text plain cleartext base code codes salt saltmain saltalt")
ENCODED = _set("b base")
"""How the value is written: `TLS_KEY_B64`."""
# Words before that say how many or whether.
BEFORE = _set("""
    no max min maximum minimum num total count has is use used uses allow allowed enable disable enabled disabled require
    requires required load import show forgot forgotten without hide skip prompt completion reasoning unexpected non permit ask
    update condition
""")
LESS = regex(r"(?:password|passwd|token|secret|pass|pwd)(?:less|ize\w*|iz\w*|ary|aries|ly|s?manager|ion|ive\w*|age\w*|enger\w*|es|ed|ing)")
GLUED = regex(
    r"\w*(?P<stem>password|passwd|passphrase|passwort|kennwort|secret|token|apikey|secretkey|privatekey|accesskey|authkey|masterkey|psk|pwd)s?"
)
GLUED_PASS = regex(
    r"(?:src|source|dest|dst|destination)?(?:db|dbrw|dbro|user|usr|root|admin|ssh|key|store|keystore|truststore|trust|bind|smtp|ldap|require|my|ftp|http|https|proxy|su|sudo|wifi|wpa|vnc|"
    r"mail|imap|pop|sql|mysql|pg|postgres|redis|rabbit|mongo|auth|login|svc|app|sys|system|oracle|ora|ipmi|bmc|snmp|priv|cert|pem|ca|"
    r"default|cluster|repl|replication|enc|crypt|new|old|temp|tmp|test|master|conf|rclone|basic|web|samba|smb|nfs|cifs|backup|vpn|radius|jmx|"
    r"control|mgmt|manage|monitor|mon|zabbix|nagios|icinga|grafana|elastic|kibana|kafka|jenkins|nexus|sonar|tomcat|jdbc|datasource|ds|odbc|dba|"
    r"site|host|node|remote|local|sftp|ssl|tls|git|svn|joomla|wordpress|drupal|typo|moodle|php|java|sasl|relay|xmpp|sip|voip|modem|ppp|pppoe|"
    r"wlan|ap|hotspot|bios|ilo|idrac|bmcuser|esx|esxi|vcenter|vm|vnc|rdp|win|windows|dump|archive|zip|pdf|pfx|jks|keychain|wallet|owner|"
    r"amqp|mqtt|hash|sa|ad|domain|join|account|srv|server|client|api|router|enable|dn|adm|mgr|op|oper|guest|ro|rw|send|recv|receive|link|peer|accept|connect|service|stream|nickserv|irc|room|game|rcon|x|m|d|p)(?:pass|pw)"
)
GLUED_HEAD = regex(r"(?:password|passwd|passphrase|passwort|secret|token)(?P<rest>\w+)")
KIND_OF_STEM = {"secret": "secret", "token": "token", "apikey": "key", "secretkey": "key", "privatekey": "key", "accesskey": "key",
                "authkey": "key", "masterkey": "key"}  # fmt: skip
NEVER = _set("""
    chpasswd gpasswd kpasswd yppasswd ldappasswd
    oldpwd nopasswd nopassword bypass compass keypress imagepullsecrets nonce lastpass keepass tokenizer passthrough passthru
""")

SOURCE = regex(
    rb"[\w-]\.(?:go|py|java|c|cc|cpp|cxx|h|hpp|js|mjs|ts|tsx|jsx|rb|rs|php|pl|pm|sh|kt|scala|cs|lua|ex|erl|swift|so|log|service)\Z"
)
"""The name of a file: `token.go:118`."""
PARTS = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z\u00df-\u024f]+|[^\W\d_A-Za-z]+")


def _plain(text: str) -> str:
    """Without accents: `contraseña` is met with and without."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(char for char in parts if not "\u0300" <= char <= "\u036f"))


def words(name: bytes) -> list[str]:
    """The words of a name: `dbPassword2` has two."""
    return [part.lower() for part in PARTS.findall(_plain(name.decode("utf-8", "ignore")))]


def _glued(word: str) -> str:
    """The kind of a word that has others glued to it: `dbpassword`, `PGPASSWORD`, `keystorepass`."""
    if LESS.fullmatch(word) or word in NEVER:
        return ""
    if not word.isascii():  # no blanks part the words of Chinese, Japanese and Korean: `数据库密码`
        return next((kind for stem, kind in UNPARTED.items() if word.rstrip(COPULAS).endswith(stem)), "")
    if match := GLUED.fullmatch(word):
        return KIND_OF_STEM.get(match["stem"], "password")
    if GLUED_PASS.fullmatch(word):
        return "password"
    match = GLUED_HEAD.fullmatch(word)
    return "password" if match and match["rest"] in KEPT_BEHIND else ""


def _strong(parts: list[str]) -> tuple[int, str]:
    """Where the last words end that say it for sure, and the kind."""
    for index in range(len(parts) - 1, -1, -1):
        if index and (kind := PAIRS.get((parts[index - 1], parts[index]))):
            return index + 1, kind
        if kind := ONE.get(parts[index]) or _glued(parts[index]):
            return index + 1, kind
    return 0, ""


def _weak(parts: list[str]) -> Meaning:
    """A word at the end of a name that may say it; a number behind does not matter."""
    if len(parts) > 1 and parts[-1] in ENCODED:
        parts = parts[:-1]
    last = parts[-1]
    if last not in WEAK_ONE:
        behind = parts[-2] if len(parts) > 1 else ""
        return WEAK_ONE["sessionid"] if (behind, last) == ("session", "id") else NOTHING
    if parts == ["clave"]:
        return Meaning(STRONG, "password")
    if len(parts) > 1 and (parts[-2] in BEFORE or (last in KEY_WORDS and parts[-2] in NOT_KEY_OF)):
        return NOTHING
    if last == "code" and len(parts) > 1:
        return NOTHING
    if last in KEY_WORDS and len(parts) > 1 and parts[-2] in VENDORS:
        return Meaning(WEAK, "key", hexes=True)
    return WEAK_ONE[last]


def _judge(name: bytes) -> Meaning:  # noqa: PLR0911 - one for each reason
    parts = words(name)
    if SOURCE.search(name) or not parts or len(parts) > MOST_WORDS:
        return NOTHING
    end, kind = _strong(parts)
    if not end:
        return _weak(parts)
    if "existing" in parts and "secret" in parts:  # the name of an object
        return NOTHING
    if parts[:2] == ["public", "key"]:  # `PublicKeyToken=` of an assembly
        return NOTHING
    if parts[-3:] == ["initial", "cluster", "token"]:  # how the members of etcd call their cluster
        return NOTHING
    if parts[-2:] == ["secret", "id"]:
        return SECRET_ID
    if parts[end - 1] == "community" and parts[end:] not in ([], ["value"], ["name"]):  # `community.general.ping`, a module
        return NOTHING
    if parts[-2:] == ["password", "secret"]:  # often the name of an object
        return Meaning(WEAK, "secret", hexes=True)
    about = ABOUT_KEY if kind == "key" else ABOUT
    if not about.isdisjoint(word for word in parts[end:] if word not in KEPT_BEHIND) or parts[0] in BEFORE:
        return NOTHING
    if not {"pull", "ask"}.isdisjoint(parts) or "".join(parts) in NEVER:
        return NOTHING
    return Meaning(STRONG, kind, many=parts[end - 1].endswith("s") and not parts[end - 1].endswith("pass"))


ROOM = 16384
MOST_WORDS = 16
_known: dict[bytes, Meaning] = {}


def meaning(name: bytes) -> Meaning:
    """What a name says; remembered, for the names of a log come again millions of times."""
    found = _known.get(name)
    if found is None:
        if len(_known) >= ROOM:
            _known.clear()
        found = _known[name] = _judge(name)
    return found
