"""What is wrong in the description of a product is said when the kit is made, with the file and what to do."""

import os

import pytest
from kit_parts import COLLECTOR, RULE

from diagbundle.errors import UsageError
from diagbundle.kit import description
from diagbundle.transport import key


def refused(path):
    with pytest.raises(UsageError) as error:
        description.read(path)
    return f"{error.value}\nhint: {error.value.hint}"


def test_a_whole_one_is_read(described, wheel, public_key):
    more = f'collectors = ["acme.toml"]\nrules = ["ours.toml"]\npackages = ["{wheel()}"]\nkey = "{public_key}"\n[texts]\nbefore = "One\\ntwo"\n[defaults]\ntimeout = "3m"\n'
    made = description.read(described(more, acme=COLLECTOR, ours=RULE))
    assert (made.name, made.title, made.version, made.key, made.before, made.after) == (
        "acme-support",
        "Acme Server",
        "1.0",
        public_key,
        "One\ntwo",
        "",
    )
    assert set(made.files) == {"collectors/acme.toml", "rules/ours.toml", "packages/acme_live.py"}
    assert made.offers == [("acme_live", "acme_live")]
    assert made.defaults == {"timeout": "3m"}
    assert "acme" in made.found.collectors


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('colectors = ["a.toml"]', ["product.toml", "unknown key: 'colectors'", "hint: did you mean 'collectors'?"]),
        ("[texts]\nbefor = 'x'", ["[texts] unknown key: 'befor'", "did you mean 'before'?"]),
        ("[defaults]\ntimout = '3m'", ["product.toml, [defaults]: timout", "did you mean 'timeout'?"]),
        ("[defaults]\ntimeout = 'soon'", ["timeout is no span of time", "90s, 30m"]),
        ("[defaults]\nredact = 'no'", ["redact", "wants true or false"]),
        ("[defaults]\ncollector = ['a.toml']", ["a kit cannot have this setting", "`collectors`"]),
        ("[defaults]\nredact_rules = ['a.toml']", ["a kit cannot have this setting"]),
        ('collectors = "acme.toml"', ["'collectors' must be a list of files"]),
        ('collectors = ["missing.toml"]', ["a collector file cannot be read", "missing.toml", "No such file"]),
        ('rules = ["missing.toml"]', ["a file of rules cannot be read", "missing.toml"]),
        ('packages = ["missing.whl"]', ["a package cannot be read", "missing.whl"]),
        ('packages = ["acme.tar.gz"]', ["must be a wheel", "pip wheel"]),
        ('[texts]\nafter = "\\u001b[31m"', ["'after' must be text without control characters"]),
        (f"[texts]\nbefore = '{'x' * 601}'", ["at most 600 characters"]),
        ("texts = 'x'", ["'texts' must be a table"]),
        ("this is not TOML", ["the product file is not TOML", "docs/kit.md"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(described, more, words):
    said = refused(described(more))
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ('title = "A"\nversion = "1"\n', "'name' is missing"),
        ('name = "a"\nversion = "1"\n', "'title' is missing"),
        ('name = "a"\ntitle = "A"\n', "'version' is missing"),
        ('name = "../x"\ntitle = "A"\nversion = "1"\n', "'name' must be the program's name: small letters"),
        ('name = "diagbundle"\ntitle = "A"\nversion = "1"\n', "not diagbundle"),
        ('name = "a"\ntitle = "A\\u202e"\nversion = "1"\n', "'title' must be one line of text without control characters"),
        ('name = "a"\ntitle = "A\\nB"\nversion = "1"\n', "'title' must be one line"),
        ('name = "a"\ntitle = "A"\nversion = "1 or 2"\n', "'version' must be a version"),
        ('name = "a"\ntitle = "A"\nversion = 1\n', "'version' must be a version"),
    ],
)
def test_names_are_held_to_their_form(described, head, words):
    assert words in refused(described(head=head))


def test_collectors_are_held_to_what_drop_ins_are(described):
    assert "asks for nothing" in refused(described('collectors = ["acme.toml"]', acme='title = "Acme"\n'))
    assert "did you mean 'paths'?" in refused(described('collectors = ["acme.toml"]', acme='title = "A"\n[[file]]\npath = ["/a"]\n'))


def test_names_that_are_taken(described, tmp_path):
    assert "two collectors are called 'logs'" in refused(described('collectors = ["logs.toml"]', logs=COLLECTOR))
    assert "may not be called include" in refused(described('collectors = ["include.toml"]', include=COLLECTOR))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "acme.toml").write_text(COLLECTOR)
    assert "two collectors are called 'acme'" in refused(described('collectors = ["acme.toml", "below/acme.toml"]', acme=COLLECTOR))


def test_rules_hold_their_cases_and_their_codes(described):
    wrong = RULE.replace('misses = ["queue is empty"]', 'misses = ["no queue is full"]')
    assert "does not hold its own cases: ACM001" in refused(described('rules = ["ours.toml"]', ours=wrong))
    assert "rule ACM001 is wrong" in refused(described('rules = ["ours.toml"]', ours=RULE.replace('"warning"', '"awful"')))
    assert "two rules have one code: ACM001" in refused(described('rules = ["ours.toml"]', ours=RULE + RULE))
    assert "two rules have one code: DSK001" in refused(described('rules = ["ours.toml"]', ours=RULE.replace("ACM001", "DSK001")))
    assert "has no [[rule]]" in refused(described('rules = ["ours.toml"]', ours=""))
    assert "a kind of problem is wrong" in refused(described('rules = ["ours.toml"]', ours=RULE + "\n[[kind]]\nname = 'x'\n"))


def test_a_key_is_held_to_its_checksum(described, public_key):
    assert key.fault(public_key) == ""
    for at in (4, 20, len(public_key) - 1):
        other = next(letter for letter in key.LETTERS if letter != public_key[at])
        assert "checksum is wrong" in refused(described(f'key = "{public_key[:at]}{other}{public_key[at + 1 :]}"\n'))
    assert "age1 and 58" in refused(described(f'key = "{public_key[:-1]}"\n'))
    assert "age1 and 58" in refused(described('key = "ssh-ed25519"\n'))
    assert "it is the secret key" in refused(described(f'key = "AGE-SECRET-KEY-1{os.urandom(4).hex()}"\n'))


def test_a_kit_encrypts_to_its_own_key_or_to_none(described, public_key):
    ours = '[defaults]\nencrypt_to = ["vendor"]\n'
    assert description.read(described(f'key = "{public_key}"\n{ours}')).defaults == {"encrypt_to": ["vendor"]}
    assert "needs a key" in refused(described(ours))
    for other in (public_key, "/root/keys", "nobody"):
        assert "to its own key or to none" in refused(described(f'key = "{public_key}"\n[defaults]\nencrypt_to = ["{other}"]\n'))


def test_it_must_be_a_file(tmp_path):
    assert "a product file cannot be read" in refused(str(tmp_path / "missing.toml"))
    assert "must be a regular file" in refused(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.toml")
    assert "must be a regular file" in refused(str(tmp_path / "pipe.toml"))
