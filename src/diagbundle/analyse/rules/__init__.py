"""From facts to findings: a file for each subject, found by its being here; what is only a pattern in a log is TOML."""
