"""What stands behind a telling name and is no secret all the same: masks, references, flags, words of prose, code, numbers, paths."""

from __future__ import annotations

import re

from diagbundle.redact.lazy import regex
from diagbundle.redact.named import names
from diagbundle.redact.named.names import STRONG, Meaning

NEVER = regex(
    rb"""(?xis)
    (?: [*x\xe2\x80\xa2.\#_?-]{3,}(?:/[gi]{0,2}['"]?)? | \*+ | x | ! | !! | !\*
    | (?:\xe2\x80\xa2|\xe2\x97\x8f|\xc3\x97|\xe2\x80\xa6)+   # masked
    | <{1,3}[\w\ /.:\#'-]{1,160}>{1,3} | &lt;[\w\ /.-]{1,40}&gt;
    | [(<\[]?\d{1,7}[ ](?:bytes?|chars?|characters)[)>\]]?     # how long it is
    | \((?-i:[a-z]{2,16}(?:[ -][a-z]{1,16}){0,6})(?:,[^()]{0,40})?\) | \[(?-i:[a-z]{2,16}(?:[ -][a-z]{1,16}){1,6})\]  # said in brackets
    | (?:\\{1,2}[nrt0])+ | [^\w\s]{1,3}   # of a grammar
    | \[(?-i:[A-Z]{2,10})\] | <\|[\w-]{1,40}\|> | </?s>   # of a language model
    | \[(?:not\ set|empty|none|set)\] | \((?:hidden|masked|none|null|not\ set|unset|redacted|empty)\)
    | [<\[({*]{0,4}(?:redacted|masked|hidden|filtered|removed|scrubbed|sanitized|sensitive|omitted|protected)(?:[ _-]value)?[>\])}*]{0,4}
    | your[_-](?-i:[a-z_-]{2,40}) | (?-i:YOUR)_[A-Z_]{2,40} | \(?sensitive\ value\)?
    | (?-i:None|null|nil|undefined)[,;)].* | true\|false | yes\|no | \#\s.* | (?:an?|the|your)\ [a-z][\w\ ]{2,60}
    | (?-i:\$[a-z_]\w{0,40}(?:/[\w.-]{1,60}){1,6})(?:\#.*)?
    | (?-i:shift);? | \d{1,7}[ ](?:tests?|checks?|cases|of[ ]\d+|failed|passed)\b.*   # of Perl, of a run of tests
    | true | false | yes | no | on | off | null | nil | none | undefined | nan | n/?a
    | unset | unknown | -?[01] | y | n | set | empty | ask | prompt | ~
    | install | deinstall | hold | purge | ignore | bad | die | done | optional | required | requisite | sufficient | substack
    | \d{1,5}/(?:tcp|udp|sctp|dccp)\b.*     # /etc/services
    | (?:\d[\w.+~:%-]{0,60}_)?                # a package, and its architecture
      (?:amd64|arm64|armhf|i[3-6]86|all|any|noarch|x86_64|aarch64|ppc64(?:el|le)?|s390x|riscv64)(?:\.(?:deb|rpm|apk))?
      (?:[=\ \t]+[(<]?(?:\d+:)?\d[\w.+~:-]*[.-]\w.{0,200})?   # and its version
    | \d{1,2}:\d+(?:\.\d+)+[\w.+~]*-[\w.+~]+[,;)]?    # a version with an epoch and a revision
    | \$\{\??[\w.-]+(?::?[?+][^{}]*|:?-|:)?\} | \$\{[\w.-]+:?[-=:?]\$(?:\{[\w.-]+\}|[A-Za-z_]\w*)\}
    | \(\d{3,5}[ ]bit.{0,40} | \(\([\w./-]+\)\) | \$\([^)]{0,200}\) | `[^`]{0,200}` | (?-i:\$[A-Z_][A-Z0-9_]*)
    | (?-i:\$[a-z]{1,24}(?:_[a-z]{1,16}){0,4}) | \$\d{1,2}
    | (?-i:\$\w{1,40}(?:(?:->|::)\w{1,40}|(?:->)?\[['"]?\w{1,40}['"]?\]|(?:->)?\{['"]?\w{1,40}['"]?\})+)
    | \$__(?:file|env)\{[^{}]{1,200}\} | \$[a-z_][\w.:]{0,60}\$ | [@\#%&]\{[\w:./-]{1,100}\}   # of Nagios and Icinga, of telegraf
    | \(?(?:\.|\\{1,2}[sdw]|\[\^?[^\]\s]{1,24}\])(?:[*+?]|\{\d*,?\d*\}).{0,200}   # a regular expression
    | [x*!]{1,2}:\d{1,10}:.*   # the other columns of passwd and group
    | (?:on|if|when|until)[_-](?-i:[a-z]{3,12}(?:[_-][a-z]{2,12}){0,3})
    | (?:h?mac[_-]?|hmac-?)?(?:sha-?[1-3](?:[_/-]?(?:224|256|384|512))?|sha-?(?:224|256|384|512)|md[45]|ripemd-?160)
      (?:-?crypt|[_-]password)?
    | (?:e?ap-)?(?:ms-?chap(?:-?v?2)?|chap|pap|peap|t?tls|gtc)(?:v[0-3](?:\.[0-3])?)? | (?:scram|cram|digest)-(?:sha|md)-?\d{1,3}(?:-plus)?
    | b?crypt | argon2(?:id?|d) | (?:blf|des|3des|aes)-crypt | s?sha(?:256|512)?-crypt | ntlm(?:v2)? | gssapi | kerberos5?
    | caching_sha2_password | mysql_native_password | [hrep]s(?:256|384|512)
    | \$?\{\{.{0,200}\}\} | \{%.{0,200}%\} | <%.{0,200}%> | \{\w{0,40}\} | \#\{[^}]{0,100}\} | %\{[^}]{0,100}\}
    | %\(\w{1,40}\)[sdrv]?
    | %[\d.*+\#-]{0,6}(?-i:[sdvqrux@]) | (?-i:%[A-Z_][A-Z0-9_]*%) | (?-i:@[A-Z_][A-Z0-9_]*@)
    | \?{1,2} | :(?-i:[a-z_]{2,24}) | __[a-z_]{2,40}__
    | (?:vault|secretsmanager|ssm|aws-sm|gcp-sm|awssm|azkv|op|ref\+\w+|kms|keyring|env|secretref|projects|file|akv|doppler
       |exec|script|program|builtin):[\w/].{0,200}
    | [\w.%@-]{2,160}(?:/|%2f)\d{8}(?:/|%2f)[\w-]{2,30}(?:/|%2f)[\w-]{2,30}(?:/|%2f)(?:aws|goog)4_request
    | arn:aws[\w-]*:(?:secretsmanager|ssm|kms|iam):.{0,200} | projects/[\w-]{1,60}/secrets/.{0,100} | @microsoft\.keyvault\(.{0,200}\)
    | !(?-i:vault|Ref|Sub|GetAtt|ImportValue|reference|secret|env|unsafe)\b.{0,200}
    | (?:encrypted|cipher)?REDACTED_[a-z0-9_]+_[0-9a-f]{8}
    | -{3,}BEGIN\ (?:[A-Z0-9 ]*PUBLIC\ KEY|CERTIFICATE).*
    | (?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S{4,20}|sk-(?:ssh|ecdsa)-\S{4,40})\ AAAA.*
    )""",
)
"""Whole values that are never secrets, whatever the name."""
PROSE = frozenset(
    b"""
    a all an the is are was were be been has have had not no must should shall cannot can can't could may might will would won't
    doesn't does did didn't don't do for from of on in at to with without by and or but if then else when while where which who
    that this these those it its your you please enter type retype re-enter repeat confirm new old current try again too short
    long weak strong blank empty missing required expired incorrect wrong invalid valid bad denied failed failure fails failing
    fail rejected refused accepted accept changed unchanged updated reset set unset mismatch mismatched match matches matched
    unexpected expected expires expiring disabled enabled allowed authentication authenticated unauthenticated unauthorized
    authorized verification verified unverified locked unlocked ok okay success successful succeeded error errors warning prompt
    prompting missing/invalid found present absent unknown undefined only never always optional mandatory string str text number
    integer int boolean bool object array bytes char varchar any optional[str] permission no-such issued revoked refreshed
    refreshing refresh renewed renewing obtained received sent created deleted removed generated loading loaded checking
    validating validation using used unused cached stored saved supplied provided given specified got getting cannot unable
    couldn't attempt attempts retry retrying remaining left already contains requires require require_password needs need default
    hidden masked redacted secret:// n/a - -- authentication_failed unsupported malformed rotated rotating rotation skipped skip
    ignored

    falsch falsches abgelaufen ung\xc3\xbcltig ungueltig inkorrekt gesperrt ge\xc3\xa4ndert geaendert vergessen fehlt fehlerhaft nicht wurde
    muss ist eingeben erforderlich incorrecte incorrectes invalide expir\xc3\xa9 expire oubli\xc3\xa9 requis manquant erron\xc3\xa9 ne doit
    incorrecta incorrecto inv\xc3\xa1lida inv\xc3\xa1lido caducada caducado olvidada requerida no debe incorreta incorreto expirada expirado
    errata errato scaduta scaduto dimenticata richiesta non onjuist verlopen verkeerd
    ongeldig fel forkert feil
    """.split()
)
"""The first word of what people and programs say about a password, where no `=` stands before."""
SERVICES = frozenset(b"files sss db ldap compat nis winbind systemd hesiod nisplus mymachines cache altfiles extrausers chauthtok".split())
"""Where the C library looks for accounts, `passwd: files sss` in nsswitch.conf; and PAM's name for a change, `(passwd:chauthtok)`."""

NOUNS = frozenset((b"password", b"passwords", b"token", b"user", b"account", b"login", b"key", b"secret", b"authentication"))
"""The first word of a sentence about them: `passwd: password unchanged`."""

PATH = regex(
    rb"(?:~|\.{1,2})?/(?:etc|var|run|home|usr|opt|root|tmp|srv|proc|dev|mnt|data|app|secrets?|vault|config|certs?|keys?|private|conf|lib|"
    rb"ssl|pki|sys|media|boot|Users|Library|workspace|builds?|mount|storage|path)(?:/[\w.@+ ${}-]{0,80}){0,12}"
    rb"(?:,[a-z_]{2,20}(?:=[\w./-]{0,64})?){0,12}|"
    rb"(?:[\w.@+${}-]{1,60}/){0,12}[\w.@+-]{1,60}\.(?:pem|key|crt|cer|p12|pfx|jks|txt|ya?ml|json|conf|cnf|ini|gpg|asc|pub|env|keytab|kdb|db|"
    rb"keystore|truststore|bin|der|pass|pwd|secret|token)|[A-Za-z]:\\(?:[^\\\r\n]{1,80}\\?){0,12}|/|(?:~|\.{1,2})/[\w./@+-]{0,200}"
)
PLACE = regex(rb"(?:file|jceks|kms|pkcs11|classpath|s3|gs|https?|wss?|ldaps?)(?::|%3A)(?://|[\w/]|%2F)[^@\s]{0,300}", re.IGNORECASE)
CALL = regex(
    rb"(?:\([A-Z]\w{0,40}\) ?|new |await |&|\*|!|str |string )?[A-Za-z_$][A-Za-z_0-9]{0,60}(?:(?:\.|::|->|\?\.)[A-Za-z_]\w{0,60}){0,8}"
    rb"(?:\([^\r\n]{0,200}|\[[\"'\w][^\r\n]{0,200})"
)
"""A call or an index: `getPassword()`, `os.environ["X"]`."""
CALLED = regex(rb"[^(\[]*(?:\([^\r\n]*\)|\[[^\r\n]*[\]\"'])[;,]*")
"""The same to its end."""
DOTTED = regex(
    rb"(?:self|this|cls|var|local|data|module|config|conf|cfg|settings|args|opts?|options|env|os|process|params?|props?|ctx|context|request|"
    rb"req|res|response|user|input|form|event|state|body|spec|each|values|Values|credentials?|secrets?|auth|account|output|vars|steps|github|"
    rb"inputs|matrix|item|obj|entity|model|dto|session)(?:(?:\.|->|\?\.)[A-Za-z_]\w{0,60}){1,8}(?:\[\d\]|!{1,2})?|[a-z]+[A-Z][A-Za-z]{0,20}\.[a-z][A-Za-z_]{0,40}"
)
"""A member: `self.password`, `var.db_password`."""
MEMBER = regex(rb"(?:" + DOTTED.pattern + rb")(?=[ ,;)]+(?:or|and|if|else|\|\||&&|\?|[+.;)]))")
"""The same in an expression."""
OBJECT = regex(rb"[a-z]+(?:[-_][a-z]+)*(?:/[a-z]+(?:[-_.][a-z]+)*)+(?:[:#][A-Za-z_]{1,40})?")
"""The name of a secret with its namespace, or its path in a store, and which of its fields."""
FIELD_OF = regex(rb"[\w-]+(?:/[\w.-]+)+[:#][A-Za-z_]{2,40}")
RESOURCE = regex(
    rb"(?:[a-z]+(?:_[a-z0-9]+)+|[a-z]+)(?:\[[^\]\r\n]{1,60}\])?(?:\.[A-Za-z_][\w-]{0,60}(?:\[[^\]\r\n]{1,60}\])?){2,6}[,;]?|"
    rb"[a-z]+(?:_[a-z0-9]+){1,8}\.[a-z_]\w{0,60}[,;]?"
)
"""What another part of a configuration says: `random_password.db.result`."""
TOKEN_OBJECTS = regex(rb"(?:(?:\A|,[ ]?|[ ])[a-z0-9]+(?:[-.][a-z0-9]+){0,8}?-(?:token|dockercfg)-[a-z0-9]{5})+")
"""Names that a cluster gives to the secrets it makes for accounts."""
SENTENCE = regex(rb"[a-z']+(?:ed|ing|n't)", re.IGNORECASE)
POINTER = b"/~.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$&!*"
"""How a path, a name or a call may begin."""
UUID = regex(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
HEX = regex(rb"(?:0x)?[0-9a-f]+", re.IGNORECASE)
NUMBER = regex(rb"[+-]?\d[\d.,:_ -]*(?:[a-z]{1,3}|%)?", re.IGNORECASE)
SURE = regex(rb"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{8,}")
"""Letters and digits: none of the things below; it saves the look at each."""
COMPOUND = regex(rb"[a-z]+(?:[-'/.][a-z]+)+|\d+\S{1,3}", re.IGNORECASE)
VERSION = regex(rb"[\^~<>=]{0,2}v?\d+(?:\.\d+){1,3}(?:[-+~][\w.]{1,20})?|\d+:\d+|\d{4}-\d\d-\d\d(?:[T ].{0,30})?")
HOLDER = regex(rb"[A-Z_-]+")
"""What a usage says in the place of a value: `--password PASSWORD`."""
OBJECTS = regex(rb"[a-z]{1,16}(?:[-_/][a-z]{1,16}){0,5}")
"""Names of secrets in a list of them."""
IDENTIFIER = regex(rb"[A-Za-z_]{1,24}[;,]?")
"""In code a name stands behind ` = `; a token that a machine has made has digits."""
MANY = regex(rb"\d{1,9}[ (/][^\r\n]{0,200}")
"""How many: `tokens: 812 prompt, 122 completion`."""
FETCH = (b"include", b"omit", b"same-origin")
"""What a browser does with credentials."""
DIGIT = regex(rb"[0-9]")
GROUPS = regex(rb"\d{3,4}(?:-\d{3,4}){1,3}")
PART = regex(rb"[A-Za-z0-9]{10,}")
FLIPS = regex(rb"[A-Za-z][0-9]|[0-9][A-Za-z]|[a-z][A-Z]")
MIXED = regex(rb"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])(?=[\w.-]*[!@#$%^*+?~=])[!-~]{8,64}")
ADDRESS = regex(
    rb"[\w.+-]*@[\w.-]+\.[a-z]{2,}|(?:[\w-]+\.)+(?:com|org|net|io|local|internal|lan|svc|cluster|example|test|de|dev)(?::\d+)?",
    re.IGNORECASE,
)
NAMED = regex(rb"[A-Z]{2,10}(?:[_-][A-Z0-9]{1,12}){1,8}|[a-z]{2,}\d{0,4}(?:[-_./:@][a-z0-9]{1,20}){0,8}|[a-z][a-z ]*")
"""Names of things: TLS_AES_256_GCM_SHA384, chacha20-poly1305, cart:123, access."""


DEFAULT = regex(
    rb"\$\{[\w.-]{1,80}(?::?[-=]|:(?![?+$]))(?P<shell>[^${}]{1,512})\}|"
    rb"(?:<%|\{\{|\$\{)(?![^\r\n]{0,60}\b(?:lookup|query|vault|secret)\b)[^\r\n]{0,120}?(?:\|\||\?\?|\?:|default\(|,)\s{0,4}(?P<q>[\"'])(?P<code>[^\"'\r\n]{4,256})(?P=q)"
    rb"\s{0,4}\)?\s{0,4}(?:-?%>|\}\}?)"
)
"""A reference that brings its default: `${VAR:-P}`, `<%= ENV["VAR"] || "P" %>`."""


SCHEME = regex(
    rb"\{[A-Z0-9.-]{2,16}\}(?=[^{}\s]{8})|\[md5\]|md5(?=[0-9a-f]{32}\Z)|(?:hash|md5):(?=[0-9a-f]{32}\Z)|0x0[12]00(?=[0-9A-Fa-f]{48})|"
    rb"SCRAM-SHA-\d{1,3}\$\d{1,9}:|base64:(?=[A-Za-z0-9+/=]{16})|django-insecure-(?=\S{16})|grub\.pbkdf2\.sha\d{1,3}\.\d{1,9}\."
)
"""How a pass word was hashed, in front of its hash: it stays."""


def scheme_end(value: bytes) -> int:
    """How many bytes of a value tell how it was hashed."""
    scheme = SCHEME.match(value) if value[:1] in b"{[mh0Sgbd" else None
    return scheme.end() if scheme else 0


def told(text: bytes) -> bool:
    """Whether the word behind `the password is` is one: letters with digits or signs, not a plain word."""
    if len(text) < 4 or text.isalpha() or text.isdigit() or COMPOUND.fullmatch(text):  # noqa: PLR2004 - shorter ones are words
        return False
    return text.lower() not in PROSE and not UUID.fullmatch(text)


PHRASE = regex(rb"[A-Za-z]{3,12}(?:-[A-Za-z]{3,12}){2,7}")
"""Words joined as people are told to choose them: `correct-horse-battery`."""
LETTERS = regex(rb"[A-Za-z]{6,32}")
STATE = regex(
    rb"(?i).*(?:ed|ing|ive|al|able|ible|ous|[ae]nt|ic|ary|ory|ful|less|ly|en|ete|ise|ize|word|phrase|name|text|file|code|wise|like)|"
    rb"secure|strong|simple|stupid|public|private|secret|always|before|little|bigger|longer|random|unique|similar|someth\w+|anyth\w+|noth\w+|"
    rb"accurate|different|complex|safe|easier|harder|better|alphanumeric|numeric|encoded|plaintext|cleartext|hashed|inside|outside|"
    rb"\w+(?:tion|sion|ties|ries|ments?|ness|[ae]nces?|fields?|pairs?)|prompts?|lines?|session|whitespace|form|page|change|reset|policy|data|store|"
    rb"mysterious|perfect|correct|obsolete|private|shorter|weaker|stronger|system|kerberos|really|perhaps|either|neither|both|"
    rb"korrekt|richtig|schwach|unbekannt|bekannt|sicher|geheim|gleich|notwendig|hinterlegt|jetzt"
)
"""What a password may be, in a sentence that does not tell it: `the password is optional`."""
SENTENCE_END = regex(rb"[\"'`)]?(?:[.!]?[ \t]*(?:\r?\n|\Z)|[.;][ \t]+[A-Za-z]|[ \t]+\()")


def phrase(text: bytes, after: bytes) -> bool:
    """Whether letters alone are a password that a sentence tells: words joined by signs, or one word where the sentence ends."""
    if PHRASE.fullmatch(text):
        return PROSE.isdisjoint(text.lower().split(b"-")) and not ADDRESS.fullmatch(text)
    is_word = LETTERS.fullmatch(text) and text.lower() not in PROSE and text.lower().decode() not in names.ABOUT
    return bool(is_word) and not STATE.fullmatch(text) and SENTENCE_END.match(after) is not None


def random_like(value: bytes, meaning: Meaning) -> bool:
    """Whether a value looks as if nobody had thought of it: letters and digits mixed, and no id, number, address or name."""
    if meaning.digits:
        return (value.isdigit() and 4 <= len(value) <= 8) or GROUPS.fullmatch(value) is not None  # noqa: PLR2004 - as people choose them
    if len(value) < 8 or not DIGIT.search(value) or NUMBER.fullmatch(value):  # noqa: PLR2004 - shorter ones are ids of something
        return False
    if HEX.fullmatch(value) or UUID.fullmatch(value):
        return meaning.hexes and len(value) >= 32 and (b"-" not in value or meaning.kind == "secret")  # noqa: PLR2004 - 128 bits
    if any(kind.fullmatch(value) for kind in (PLACE, PATH, ADDRESS, CALL)):
        return False
    if MIXED.fullmatch(value) and not value.startswith((b"/", b"SHA", b"sha", b"MD5", b"$")):
        return True
    is_named = NAMED.fullmatch(value) or b" " in value or value[:7].lower() in (b"sha256:", b"sha512-", b"sha384-", b"sha256-")
    return not is_named and any(_mixed(part) for part in PART.findall(value))


def _mixed(part: bytes) -> bool:
    if part.isalpha() or HEX.fullmatch(part):
        return False
    flips = len(FLIPS.findall(part))
    return flips > 3 or (flips == 3 and part != part.lower() != part.upper())  # noqa: PLR2004 - names have fewer


def is_secret(value: bytes, meaning: Meaning, *, direct: bool, quoted: bool, spaced: bool) -> bool:
    """Whether a value is hidden. `direct`: a `=` stands before it; `quoted`: it stands in quotes; `spaced`: blanks stand around the `=`."""
    if meaning.strength < STRONG:
        return random_like(value, meaning) and not NEVER.fullmatch(value) and b"REDACTED_" not in value
    if SURE.fullmatch(value):
        return True
    if NEVER.fullmatch(value) or b"REDACTED_" in value or _counts(value, meaning) or (not direct and _says(value, quoted=quoted)):
        return False
    if value[:1] in POINTER and _points(value, meaning, quoted=quoted):
        return False
    if spaced and not quoted and direct and meaning.kind == "token" and IDENTIFIER.fullmatch(value):
        return False
    return not (spaced and not quoted and (CALL.match(value) or MEMBER.match(value) or (direct and RESOURCE.fullmatch(value))))


def _counts(value: bytes, meaning: Meaning) -> bool:
    """How many there are, a version, or what a usage puts in the place of a value."""
    if meaning.kind == "key" and len(value) < 3:  # noqa: PLR2004 - `accesskey="u"` of a page
        return True
    if value.isupper() and HOLDER.fullmatch(value) and names.meaning(value).strength != names.NO:
        return True
    if (meaning.many and meaning.kind != "password" and OBJECTS.fullmatch(value)) or (meaning.kind == "credential" and value in FETCH):
        return True
    if meaning.kind != "password" and (value == b"default" or TOKEN_OBJECTS.fullmatch(value)):
        return True
    if meaning.many and MANY.fullmatch(value):
        return True
    is_few = value.isdigit() and len(value) < (7 if meaning.many else 6 if meaning.kind in ("token", "key") else 3)
    return is_few or (meaning.kind != "password" and VERSION.fullmatch(value) is not None)


def _says(value: bytes, *, quoted: bool) -> bool:
    """A word about a secret."""
    first, _, rest = value.partition(b" ")
    word = first.rstrip(b".,;:!?)").lower()
    if word in PROSE or (rest and word in NOUNS):
        return True
    if word in SERVICES and (not rest or rest.split()[0] in SERVICES):
        return True
    return not quoted and SENTENCE.fullmatch(word) is not None


def _points(value: bytes, meaning: Meaning, *, quoted: bool) -> bool:
    """A path or an address where a secret lies, or code that fetches it."""
    if (
        PATH.fullmatch(value)
        or FIELD_OF.fullmatch(value)
        or (meaning.kind != "password" and (PLACE.fullmatch(value) or OBJECT.fullmatch(value)))
    ):
        return True
    if quoted:
        return False
    return (CALL.fullmatch(value) is not None and CALLED.fullmatch(value) is not None) or DOTTED.fullmatch(value) is not None
