"""Removing secrets, and where asked identifiers, before a byte leaves the process that read it."""
