"""How verdicts are shown: to people in a terminal, to programs as JSON."""
