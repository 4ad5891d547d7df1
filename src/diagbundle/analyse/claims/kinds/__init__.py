"""Kinds of claims, one file for each family: a file is found by lying here."""
