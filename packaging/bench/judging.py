"""The neighbours that judge evidence, installed for the benchmark, and what each of them named."""

import json
import os
import re
import subprocess
import sys

import measure

NEIGHBOURS = ("hotsos==1.30.post8", "insights-core==3.8.4")


def neighbours(work: str) -> str:
    """A folder with their programs; made once."""
    place = os.path.join(work, "neighbours")
    if not os.path.exists(place + ".done"):
        python = os.path.join(place, "bin", "python")
        for argv in ([sys.executable, "-m", "venv", place], [python, "-m", "pip", "install", "--quiet", "setuptools<81", *NEIGHBOURS]):
            measure.checked(measure.run(argv, work), argv)
        open(place + ".done", "w").close()
    return os.path.join(place, "bin")


def named(tool: list[str], bundle: str) -> str:
    """How many verdicts of ours were found, by severity."""
    said = subprocess.run([*tool, "analyze", bundle, "--format", "json"], capture_output=True, text=True, check=True).stdout
    found = [verdict for verdict in json.loads(said)["verdicts"] if verdict["status"] == "found"]
    counts = {level: sum(1 for each in found if each["severity"] == level) for level in ("critical", "warning", "note")}
    return ", ".join(f"{count} {level}" for level, count in counts.items())


def named_by_hotsos(programs: str, tree: str, scratch: str) -> str:
    """How many issues and known bugs hotsos raised."""
    subprocess.run([os.path.join(programs, "hotsos"), "--all-logs", "-s", tree], capture_output=True, check=False, cwd=scratch)
    texts = []
    for folder, _, names in os.walk(scratch):
        texts += [os.path.join(folder, name) for name in names if name.endswith("summary.yaml")]
    issues = 0
    for path in texts:
        with open(path, encoding="utf-8") as file:
            issues += len(re.findall(r"(?m)^ +- .*(?:Warning|Error|Issue)", file.read()))
    return f"{issues} issues"
