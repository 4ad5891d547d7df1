"""A judge of our own: planted secrets, hard negatives and identifiers in files as they lie on servers, and what redaction made of them.

    python -m tests.redact.planted --make DIR            files and KEY.json, the same for the same --seed
    python -m tests.redact.planted --score DIR OUT       what was hidden, kept and spoilt; OUT is the redacted copy of DIR/files

The values are made at run time; alphabets, lengths and checksums are this package's own, so that a mistake in a pattern is not repeated here.
"""
