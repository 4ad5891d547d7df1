"""How sentences speak of a secret: `the password for bob is P`, and how they speak of it without telling it."""

from __future__ import annotations

from diagbundle.redact.lazy import regex

SAID = regex(
    rb"(?:(?:(?:was|is|has been|were) (?:re-?set|changed|set) to|is|was|are|to|as|(?:re)?set to|changed to)"
    rb"(?: now)?:?[ \t]{1,8})"
)
FOR = regex(
    rb"(?:(?:is|was|has been) (?:generated|created|set) )?(?:for|of|on|at) (?:the )?(?:user |account |host |server |node )?"
    rb"(?:[\"'`]?[\w.@\\/-]{1,64}[\"'`]?|[\"'`][^\s\"'`]{1,160}[\"'`])(?: user| account)?"
    rb"(?: (?:(?:was |is |has been )?(?:(?:re)?set|changed) to|is|was|to|=)(?: now)?:?|:)[ \t]{1,8}"
)
"""`the password for bob is`, `temporary password is generated for root@localhost:`."""
NUMBERED = regex(rb"(?i)(?:(?:key)?[ -]?slot |no\.? ?|nr\.? ?|number |#)?\d{1,3}\)?[ \t]?[:=][ \t]{1,8}(?=\S)")
"""`passphrase slot 0: P`, `Password #2: P`."""
LOGIN_FAILED = regex(rb"password for (?:invalid user )?[\w.$@\\-]{1,64} from [0-9A-Za-z]")
LOGIN = regex(rb"[\w.@-]{1,64}[/:](?=[^\s/:])")
PHRASE = regex(rb"[a-z]{2,12}(?: [a-z]{2,12}){2,24}(?=[ \t]*(?:\r?\n|\Z))")
"""Words to the end of the line, as phrases of recovery have them."""
PLAIN = regex(rb"[a-z]+|[A-Z][a-z]+")
SENTENCE_WORD = regex(rb"[^\s\"'`,;()<>\[\]{}]{12,}")
_VERB = (
    rb"Add|Fix|Updat|Us|Remov|Renam|Show|Support|Handl|Set|Mak|Chang|Clarif|Document|Build|Look|Do|Don't|Allow|Mov|Improv|Avoid|Revert|"
    rb"Convert|Replac|Check|Introduc|Ensur|Drop|Switch|Bump|Correct|Upgrad|Rework|Enabl|Disabl|Merg|Simplif|Return|New|Document|Test|Treat|treat"
)
SUBJECT = regex(
    rb"(?:" + _VERB + rb")(?:e|ed|s|es|y|ies|ied|ing)? (?:[a-z]{2,20}(?=[ .,;\r\n]|\Z)|[^\s]{1,60} [a-z]{2,20})|"
    rb"(?<=PASS: )(?<!\wPASS: )(?:\S{1,80}[ \t]+\S|[a-z]+\d{0,4}(?:[-_.][A-Za-z0-9]+)+(?=\s|\Z))|"
    rb"(?:secret|password|token|credential|key|certificate|user|account)s? [a-z]{2,12}(?=[ \r\n]|\Z)|"
    rb"[a-z]{2,20} [\"'`][\w./@:-]{1,128}[\"'`]|"
    rb"[A-Z][A-Za-z]{1,40}<(?!/)|(?:protected|private)\]|(?<=PASS: )(?:[A-Za-z]+(?![\w!-/:-@])|(?i:test|check)|[\w.-]{1,80}[/:])"
)
"""What a sentence is about, behind `for volume "db-secret" :`; what was changed; a type with its parameters; a test that has passed."""
ACCOUNTS = regex(rb"(?:etc|lib|\w\.d|\.\.?)/\Z")
"""Before `passwd`, where it is a file: `"etc/passwd": "changed"`."""
OF_SETTING = regex(rb"(?:settings?|options?|parameters?|has|have|is|are|can|and|or|in|to|for|with|which|will|kernel|that)(?=[ ,.\r\n])")
"""How a sentence goes on behind `a new PassEnvironment= `."""
QUOTED_OBJECT = regex(rb"[a-z] \\{0,3}[\"'`]\Z")
"""Before a name: a word and an opening quote, as in `for volume "default-token": timeout`."""
PACKAGE = regex(rb"[\w.+-]{1,64}-\d{1,3}:(?=\d+(?:\.\d+)+[\w.+~]*(?:-[\w.+~]+)?(?:[\s,;)\]\"']|\Z))")
"""A package, the epoch of its version, and the version: `passwd-1:4.13+dfsg1-1`."""
TWO_WORDS = regex(rb"(?<![\w.-])[A-Za-z]{2,16} [Kk]eys?\Z|(?<![\w.-])[A-Z]{2,16} KEYS?\Z")
"""`api key: P`, `public key: ...`: the word before says which."""
TOLD_ON = regex(rb"([\w.~+/=-]{16,2048}+)(?=[ \t]+[a-z]{2,16}(?:[ .,;:!]|\Z))")
"""A token, and what is said of it: `token=P expired`."""
SIGNER = regex(rb"(?i)sign(?:ing|ature) ")
KEY_ID = regex(rb"(?:0x)?(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})(?![\w+/=-])")
"""A signer's key is told by its id: `kernel signing key: 02c6..`."""
SENTENCE_ON = regex(
    rb"(?:treat|handle|parse|ignore|use|add|disallow|allow|drop|fix|normalize|remove|avoid|make|update|do|don't) \S{1,60} \S|"
    rb"[a-z]{2,16} (?:[a-z]{2,16}|[a-z]+[A-Z]\w{1,40})(?:[ ,.:;]|\s*\Z|\s*\n)"
)
"""Two plain words behind a name that does not begin its line."""
COMMENT = regex(rb"[a-z]{1,16}(?: [a-z]{1,16}){3,32}[.,:;]?(?:\s|\Z)")
"""A comment that goes on: `# password = secret and so on`."""
