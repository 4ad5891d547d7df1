"""The desk wing: evidence becomes facts, facts become verdicts that cite their lines."""
