"""Secrets without a format of their own, behind a name that tells: `password=...`, `"apiKey": "..."`, `--token ...`, YAML, prose."""

from __future__ import annotations

from collections.abc import Iterable

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.bare import PERCENT, Place, bare
from diagbundle.redact.named.names import STRONG, WEAK, meaning
from diagbundle.redact.named.plausible import random_like, told
from diagbundle.redact.named.sentences import (
    ACCOUNTS,
    COMMENT,
    KEY_ID,
    LOGIN_FAILED,
    OF_SETTING,
    PACKAGE,
    PHRASE,
    PLAIN,
    QUOTED_OBJECT,
    SENTENCE_ON,
    SIGNER,
    SUBJECT,
    TOLD_ON,
    TWO_WORDS,
)
from diagbundle.redact.named.several import below, elements, heredoc, hexes_too, judged, members
from diagbundle.redact.named.unseparated import PAIR, ROOM_OF_WEAK, Named, unseparated
from diagbundle.redact.named.values import BACKSLASH, BLOCK, OPEN, Value, begins_line, inside, line_end, quoted
from diagbundle.redact.span import LINE, Literal, Pattern, Span

BACK = 64
NAME = bytes(byte for byte in range(256) if byte >= 0x80 or chr(byte).isalnum() or byte in b"_.$-")  # noqa: PLR2004 - no ASCII
AFTER = regex(
    rb"(?P<name>[\w.$\x80-\xff-]{0,80}+)"
    rb"(?P<close>(?:\\{0,31}[\"'`]|&quot;|&\#34;|&\#39;|&apos;|\\{1,15}(?:u00|x)2[27]|%(?:25)*2[27]|%5D|"
    rb"\[\d{0,4}\](?=[ \t]?=)|[\]}]){0,4}+)"
    rb"(?P<blank>(?:[ \t]|%20){0,64}+)"
    rb"(?:(?P<sep>=>|(?<=[ \t])->(?=[ \t])|[:?+.]=|={1,3}|(?:string|str|String)[ \t]{1,4}:?=|"
    rb":[ \t]{0,4}(?:Optional\[)?&?(?:'static )?(?:str|string|String|bytes|SecretStr|Any)\]?[ \t]{0,4}=|::?|>|&gt;|"
    rb"\((?=[bur]{0,2}\\{0,7}[\"'])|(?P<coded>%(?:25)*3[DdAa])|\\{1,15}u003[dDaAeE]|\\{1,15}x3[dDaA]|&\#(?:61|58|x3[dDaA]);)"
    rb"(?P<gap>(?:[ \t]|%20){0,64}+))?"
)
"""What follows the anchor: the rest of the name, the quote that closes it, a separator."""
ESCAPED = regex(rb"[nrtbfv0](?=[\w.$-])|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}")
TAG = regex(
    rb"(?:!!\w{1,20}|&[\w-]{1,40})[ \t]+(?=\S)|(?i:bearer|basic|token)[ \t]+(?=[\w.~+/=-]{8})|"
    rb"(?:new )?[A-Z]\w{1,30}(?:::(?:from|new))?\((?=\\{0,7}[\"'])|[A-Z]\w+-[A-Z]\w+[ \t]+(?=[\"'])|string(?=[ \t]')[ \t]"
)
"""What may stand before the value: a tag or an anchor of YAML, a scheme, `Some("P")`, a command of PowerShell, a type of PHP."""
OBJECT = regex(rb"\{\s{0,64}(?:\\?[\"']?[\w.@$/-]{1,64}\\*[\"']?\s{0,16}(?:[:=]|=>)|\}|\\n)")
ARROW = regex(rb"[ \t]{1,8}(?:->|=>|to)[ \t]{1,8}(?=\\{0,7}[\"'])")
"""A plan of changes: `"P" -> "Q"`."""
DULL = regex(rb"\\{0,31}[\"'`]?+[A-Za-z_.:/-]{0,64}+[0-9]{0,10}+(?=[\"'\\\s,;&)\]}]|\Z)")
"""Most of what stands behind a weak name, and never looks random."""
EXPRESSION = regex(rb"[A-Za-z_][A-Za-z_.]{0,64}(?: [+*%] |\[[:\w])")
"""The other side of an assignment: `pw = pw + c`."""
UNEXPECTED = (b"case ", b"nexpected ", b"nvalid ", b" no ", b'"no ', b"No ", b":param ", b":type ", b"@param ")
RESULT = regex(rb"\n(?:PASS|FAIL|XFAIL|XPASS|SKIP|ERROR|UNSUPPORTED|UNTESTED): ")
COMMAND_WORD = regex(rb" |\A[a-z]+\Z")
TURNS = (b"irst ", b"econd ", b"hird ", b"inal ", b" one ", b"This ", b"this ", b"2nd ", b"::")
"""Before `pass`, where it is no pass word: `first pass: count them`, the name of a class, `Event::Pass`."""
CREDENTIAL = regex(rb"[\w.-]{1,64}:[ \t]*")
BLANK = 0x20
OWN = (b"self.", b"this.", b"cls.")
MEMBER_OF = regex(rb"[A-Za-z_]{2,40}[,;]?")
CHAINED = regex(rb"[ \t]*(?:\+|\.|%|\|\||,)[ \t]*[A-Za-z_$(]")
"""A text that ends behind the separator, and what code puts there."""
VARIABLE = regex(rb"(?i:setenv|setx)[ \t]+|ENV[ \t]+")
VARIABLE_NAME = regex(rb"([A-Za-z_][\w.]{1,80})[ \t]+(?=[^\s=])")


def find(data: bytes, at: int) -> Iterable[Span]:
    """The secrets behind the name that has a telling part at `at`."""
    head = data[max(0, at - BACK) : at]
    start = at - len(head) + len(head.rstrip(NAME))
    before = data[start - 1] if start else 0
    if before == BACKSLASH and (escaped := ESCAPED.match(data, start)):  # the letter of an escape is no part of the name
        start = min(escaped.end(), at)
    elif before == PERCENT:
        start = min(start + 2, at)
    match = AFTER.match(data, at)
    means = meaning(data[start : match.end(1)]) if match else None
    if not match or not means or not means.strength:
        return ()
    if means.kind == "key" and data[start : match.end(1)].lower().endswith(b"signingkey") and KEY_ID.match(data, match.end()):
        return ()  # of git
    if before == BLANK and means.strength == WEAK and (two := TWO_WORDS.search(data, max(0, start - 20), match.end(1))):
        means = meaning(two[0])
        if not means.strength or (SIGNER.match(two[0]) and KEY_ID.match(data, match.end())):
            return ()
    if match["sep"] is None:
        return unseparated(Named(data, start, match, means))
    if means.strength == WEAK and not means.digits and DULL.match(data, match.end()):
        return ()
    return _separated(Named(data, start, match, means))


def _tells_none(name: Named) -> bool:
    """Whether what stands behind the name and a separator is no value: a path, the rest of a request, a prompt, the id of a session."""
    data, match, sep, before = name.data, name.match, name.match["sep"], name.data[name.start - 1 : name.start]
    opening = data[match.end() : match.end() + 1]
    is_switch = before == b"/" and not match["gap"] and data[name.start - 2 : name.start - 1] in (b" ", b"\t")  # `wmic /password:P`
    is_path = sep == b":" and not match["close"] and not is_switch and (before == b"/" or (before == b":" and not match["gap"]))
    is_path = is_path or (before == b"/" and name.text == b"passwd" and bool(ACCOUNTS.search(data, max(0, name.start - 5), name.start)))
    is_method = sep == b"(" and b"." in name.text and not meaning(name.text.rpartition(b".")[2]).strength  # `token.endswith("x")`
    is_user = is_method or (sep == b"(" and (name.means.kind == "credential" or b"UserPassword" in name.text))  # the first argument
    is_encoded = before in (b"?", b"&") or match["coded"]
    is_empty = is_encoded and (b" " in match["gap"] or b"\t" in match["gap"])  # `GET /x?token= HTTP/1.1`
    is_type = (sep == b"::" and not match["gap"]) or (sep == b"->" and opening in (b".", b"/", b"&"))  # or a link to a file
    is_shut = opening == before and opening in (b'"', b"'") and not match["close"]
    is_prompt = is_shut and (sep == b":" or data[match.end() + 1 : match.end() + 2] == b" ")  # `read -p "Password: " X`
    is_prompt = is_prompt or _closes(name, opening)
    is_id = before == b"\t" and name.text == b"session"  # in dovecot's protocol
    is_named = sep == b"=" and match["gap"] and not match["blank"]
    is_named = is_named and (name.text.startswith(b"--") or OF_SETTING.match(data, match.end()))  # `the --password= switch`
    is_folder = name.text == b"$PWD" or _is_label(name, before)
    is_class = opening == b"[" and data.startswith(b"[^", match.end())  # of characters
    is_pass = name.text.lower() == b"pass" and (sep == b"(" or data.endswith(TURNS, 0, name.start) or _is_result(name))
    is_none = is_folder or is_pass or is_path or is_user or is_empty or is_type or is_prompt or is_id or is_named or is_class
    return bool(is_none) or data.endswith(UNEXPECTED, 0, name.start)


def _is_label(name: Named, before: bytes) -> bool:
    """Whether it is the name of a device, `pkcs11:token=web;object=key`, or a package with its version."""
    data, start = name.data, name.start
    if name.text == b"token" and before in (b":", b";"):
        return b"pkcs11:" in data[max(0, start - 256) : start]
    return name.match["sep"] == b":" and PACKAGE.match(data, start, name.match.end() + 80) is not None


def _is_result(name: Named) -> bool:
    """Whether `PASS:` is what a test has come to: other results stand on the lines around."""
    data, start, end = name.data, name.start, name.match.end()
    return name.text == b"PASS" and (RESULT.search(data, end, end + 256) or RESULT.search(data, max(0, start - 256), start)) is not None


def _closes(name: Named, opening: bytes) -> bool:
    """Whether the quote behind the name is the one that closes its text: `read -p "Enter the password: " X`."""
    data, match = name.data, name.match
    if opening not in (b'"', b"'") or match["sep"] != b":" or match["close"] or not match["gap"]:
        return False
    return data[match.end() + 1 : match.end() + 2] in (b" ", b"\n", b";", b")", b",", b"") and inside(data, name.start, opening)


def _separated(name: Named) -> Iterable[Span]:  # noqa: PLR0911 - one for each shape
    """A separator stands behind the name."""
    data, match = name.data, name.match
    sep, start, before = match["sep"], match.end(), data[name.start - 1 : name.start]
    if sep in (b">", b"&gt;"):
        return _element(name) if (match["close"] and before != b"#") or before in (b"<", b";") else ()
    if _tells_none(name):
        return ()
    opening = data[start : start + 1]
    if before == b"{" and data[name.start - 2 : name.start] == b"${":  # what a shell takes or says where the variable is not set
        if opening in (b"?", b"+", b"$") or data.startswith(b"-$", start):
            return ()
        start += opening == b"-"
    if data.startswith(b"[]byte(", start):
        start += 7
        opening = data[start : start + 1]
    may_have_tag = name.means.kind != "credential" and (opening.isalpha() or opening in (b"!", b"&"))
    if may_have_tag and (tagged := TAG.match(data, start, start + 64)):
        start = tagged.end()
        opening = data[start : start + 1]
    if opening in b"\n\r|>" and sep == b":":
        return below(data, name.start, start, name.means)
    if opening == b"<" and (found := heredoc(data, start, name.means)) is not None:
        return found
    if opening == b"[":
        return elements(data, start + 1, name.start, name.means, match["close"])
    if opening == b"{" and OBJECT.match(data, start):
        return members(data, start + 1, name.start, name.means)
    return _value(name, start)


def _value(name: Named, start: int) -> Iterable[Span]:
    """One value stands there."""
    data, match, sep, means = name.data, name.match, name.match["sep"], name.means
    direct = b"=" in sep or b"3" in sep
    tight = direct and not match["blank"] and not match["gap"]
    opened = OPEN.match(data, start)
    if means.kind == "credential" and name.text.lower().endswith((b"setcredential", b"set_credential", b"setcredentialencrypted")):
        start = ended.end() if (ended := CREDENTIAL.match(data, start)) else start
    value = quoted(data, name.start, opened, name.room) if opened else _bare(name, start, tight=tight)
    if value is None or (opened and opened["quote"] == b"`" and COMMAND_WORD.search(data[value.start : value.end])):
        return ()  # nothing, or what a command says
    if opened and opened["quote"] and CHAINED.match(data, opened.end()) and inside(data, name.start, opened["quote"]):
        return ()  # `"password=" + password`
    if opened and OBJECT.match(data, value.start):  # `"SecretString":"{\"username\":..."`
        return members(data, value.start + 1, name.start, means)
    means = hexes_too(data, name.start, means, value)
    if _says(name, value, opened=opened is not None) or (not opened and _is_other(name, data[value.start : value.end], tight=tight)):
        return ()
    spaced = bool(match["gap"]) or sep == b":"
    found = [*judged(data, value, means, direct=direct, spaced=spaced, close=match["close"] if sep == b":" else b"")]
    if opened and (arrow := ARROW.match(data, value.after)) and (opened := OPEN.match(data, arrow.end())):
        becomes = quoted(data, name.start, opened, name.room)
        found += judged(data, becomes, means, direct=direct) if becomes else ()
    return found


def _says(name: Named, value: Value, *, opened: bool) -> bool:
    """Whether a sentence stands there and no value."""
    data, match, sep, start = name.data, name.match, name.match["sep"], value.start
    if opened:  # `<passwd="bob"> request denied`
        return data[name.start - 1 : name.start] == b"<" and PLAIN.fullmatch(data, start, value.end) is not None
    if match["close"] and sep == b":" and QUOTED_OBJECT.search(data, max(0, name.start - 6), name.start):
        word = data[start : value.end].partition(b" ")[0]
        return not told(word.rstrip(b".,:;!?")) and not random_like(word, name.means._replace(hexes=True))
    if sep == b":" and match["gap"] and name.means.kind != "password" and SENTENCE_ON.match(data, start, start + 64):
        return True
    if COMMENT.match(data, start, value.end) and data[max(0, name.start - 2) : name.start].strip() in (b"#", b";"):
        return True
    return b"=" not in sep and b"3" not in sep and SUBJECT.match(data, start) is not None


def _bare(name: Named, start: int, *, tight: bool) -> Value:
    data, coded = name.data, (name.match["coded"] or b"")[:-2]
    end = bare(Place(data, start, name.start, name.room, tight, coded))
    if name.means.kind == "token" and data[name.start - 1 : name.start] == b";":
        query = data.find(b"?", start, end)  # `/x;jsessionid=P?a=1`
        end = query if query > start else end
    if words := PHRASE.match(data, start, start + ROOM_OF_WEAK) if name.text[-6:].lower() in (b"phrase", b"emonic") else None:
        end = words.end()
    if name.means.kind in ("token", "key") and (said := TOLD_ON.match(data, start, end)) and random_like(said[1], name.means):
        end = said.end()
    if end - start >= name.room < LINE and random_like(data[start:end], name.means):
        end = bare(Place(data, start, name.start, LINE, tight, coded))
    if name.match["sep"] == b"::":  # in LDIF, a value goes on in the lines that begin with a blank
        end = line_end(data, start)
        while data[end : end + 2] == b"\n " and end < start + BLOCK:
            end = line_end(data, end + 1)
    return Value(start, end, end, quoted=data[name.start - 1 : name.start] == b"\0")  # in an environment nothing is code


def _is_other(name: Named, text: bytes, *, tight: bool) -> bool:
    """A bare word that is no value: the name itself (`self.token = token`), a cookie with its own name, the other side of a comparison."""
    if name.means.strength == WEAK or text[:1] == b"(":  # `CREDENTIALS=(AWS_KEY_ID='X' ...`
        return PAIR.match(text.lstrip(b"(")) is not None
    if (
        tight
        and b"." in name.text
        and b" " in text
        and any(meaning(word.strip(b".,:;!?")).strength == STRONG for word in text.split()[:16])
    ):
        return True  # `password.forgot=Forgot your password?`
    if name.match["sep"] in (b"=", b"+=") and name.match["blank"] and name.match["gap"] and EXPRESSION.match(name.data, name.match.end()):
        return True
    if name.match["sep"] in (b"==", b"===") and not random_like(text, name.means._replace(hexes=True)):
        return True
    if name.text.startswith(OWN) and MEMBER_OF.fullmatch(text):  # `self.token = nextchar`
        return True
    last = name.text.rpartition(b".")[2].lstrip(b"-$")
    own = text.rstrip(b";,) ").rpartition(b".")[2] == last
    return own and not (tight and begins_line(name.data, name.start))


def _element(name: Named) -> Iterable[Span]:
    """The text of an element of XML: `<password>P</password>`, `<entry key="password">P</entry>`."""
    data, start, closing = name.data, name.match.end(), b"<" if name.match["sep"] == b">" else b"&lt;"
    if data.startswith(b"<![CDATA[", start):
        start += 9
        closing = b"]]>"
    end = data.find(closing, start, start + LINE)
    is_generic = end < 0 and data[name.start - 2 : name.start - 1].isalnum()  # `Configure<JwtOptions>(`
    if is_generic or (end >= 0 and closing == b"<" and data[end + 1 : end + 2] != b"/"):
        return ()
    if end < 0 and (
        name.match["gap"] or data[start : start + 1] in (b'"', b"'", b"]", b"|", b":", b",", b".", b")")
    ):  # `Bearer <token>" https://h`
        return ()
    end = end if end >= 0 else line_end(data, start)
    text = data[start:end].strip()
    start = data.find(text, start, end + 1)
    if text.lower() == name.text.lower() or name.text == b"auth-user-pass":  # two lines, the first is a user's name
        return ()
    return judged(data, Value(start, start + len(text), end, quoted=True), name.means)


def variable(data: bytes, at: int) -> Iterable[Span]:
    """A variable of the environment, set without `=`: `SetEnv DB_PASSWORD P`."""
    command = VARIABLE.match(data, at)
    match = VARIABLE_NAME.match(data, command.end(), command.end() + 128) if command else None
    if not command or not match or not begins_line(data, at):
        return ()
    start, end = match.end(), line_end(data, match.end())
    value: Value | None = Value(start, start + len(data[start:end].rstrip()), end)
    if opened := OPEN.match(data, start):
        value = quoted(data, match.start(), opened, LINE)
    return judged(data, value, meaning(match[1]), direct=True) if value and meaning(match[1]).strength else ()


def before(data: bytes, at: int) -> Iterable[Span]:
    """The secrets behind the name that ends at `at`: its separator is one that the guard of names does not know, `%253D`."""
    head = data[max(0, at - BACK) : at]
    size = len(head) - len(head.rstrip(NAME))
    return find(data, at - size) if size and meaning(head[-size:]).strength else ()


def in_sentence(data: bytes, at: int) -> Iterable[Span]:
    """The secret that a sentence tells; the most usual sentence of all, `Failed password for bob from 10.1.1.1`, tells none."""
    return () if LOGIN_FAILED.match(data, at, at + 160) else find(data, at)


def indexed(data: bytes, at: int) -> Iterable[Span]:
    """The secret behind a name in braces that are closed at `at`: `$Self->{DatabasePw} = "P"`, `$opt{'password'} = "P"`."""
    return before(data, at - (data[at - 1 : at] in (b'"', b"'")))


def inside_braces(data: bytes, at: int) -> Iterable[Span]:
    """The secret behind a name in braces: `$ENV{DB_PASSWORD} = "P"`."""
    return find(data, data.find(b"{", at) + 1)


def _keys(texts: str, *, plain: bool = True) -> tuple[Literal, ...]:
    return tuple(Literal(text.encode(), fold=text.isascii(), key=True, plain=plain) for text in texts.split())


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "password",
        "Passwords, pass phrases and PINs behind a name that says so",
        _keys(
            "pass pw kennwort psk mdp wachtwoord losenord lösenord adgangskode salasana jelszo jelszó sifre şifre parola "
            "contrase contrasi senha haslo hasło heslo kodeord parool lozinka geslo slapta lykilor pasahitza sandi matkhau "
            "סיסמ ароль арола озинка ωδικ 密码 密碼 口令 パスワード 暗証番号 パスフレーズ パスコード 비밀번호 암호 "
            "mnemonic otp pin cvv cvc puk _code rycode unlockcode"
        ),
        find,
    ),
    Pattern(
        "secret",
        "Secrets, salts, seeds and signatures behind a name that says so",
        (*_keys("secret geheim segredo pepper community екрет シークレット 시크릿"), *_keys("salt seed sig hmac", plain=False)),
        find,
    ),
    Pattern(
        "token",
        "Tokens behind a name that says so",
        (
            *_keys("token jeton jwt bearer sessionid окен トークン 令牌 토큰 saml initial_management"),
            *_keys("cookie", plain=False),
            Literal(b"session", fold=True, key=True, plain=False, next=b"=_:\"'"),
        ),
        find,
    ),
    Pattern(
        "key",
        "Secret keys behind a name that says so",
        (*_keys("schl base64 _b64 密钥 密鑰 秘钥 秘密鍵"), *_keys("key cle clé clave chave", plain=False)),
        find,
    ),
    Pattern(
        "credential",
        "Credentials behind a name that says so",
        (
            *_keys("cred zugangsdaten ticket"),
            *_keys("sid assertion", plain=False),
            Literal(b"auth", fold=True, key=True, plain=False, next=b"=:_-\"'iIkKtTpP \\]%>."),
        ),
        find,
    ),
    Pattern(
        "flag",
        "The item of a list behind the item that is a flag: `- --password`",
        tuple(Literal(text, fold=True, next=b"\r\n") for text in (b"password", b"token", b"secret", b"-key")),
        find,
    ),
    Pattern("array", "Names with an index or a size: `password[32] =`", (Literal(b"password[", fold=True),), find),
    Pattern(
        "encoded",
        "Names before a separator that was URL-encoded twice, or before their type",
        (Literal(b"%253d", fold=True), Literal(b"%25253d", fold=True), Literal(b" string = ", next=b'"`')),
        before,
    ),
    Pattern(
        "indexed",
        "Names of keys of a hash",
        (Literal(b"} = ", next=b"'\"q"), Literal(b"}='"), Literal(b'}="')),
        indexed,
    ),
    Pattern("environment", "Variables of the environment in Perl", (Literal(b"$ENV{"),), inside_braces),
    Pattern(
        "macro", "Macros with their values: `{$DB.PASSWORD} => P`", (Literal(b"{$", next=b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),), inside_braces
    ),
    Pattern(
        "sentence",
        "Secrets that a sentence tells",
        (
            *(Literal(word, fold=True, run=12) for word in (b"credentials ", b"secret ", b"token ")),
            *(Literal(b"password " + word, fold=True) for word in (b"for ", b"on ", b"at ", b"has been ")),
            Literal(b"passphrase for ", fold=True),
            Literal(b"passphrase ", fold=True, next=b"sSnN#0123456789"),
            *(Literal(word, fold=True, run=4) for word in (b"password ", b"-pwd ")),
        ),
        in_sentence,
    ),
    Pattern("variable", "Variables set without `=`", (*(Literal(w, fold=True) for w in (b"setenv", b"setx ")), Literal(b"ENV ")), variable),
)
