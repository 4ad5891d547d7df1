"""A folder as `unpack` leaves it, of rows that a test gives."""

import json

from diagbundle.analyse.evidence.folder import FolderEvidence


def lay_out(place, lines, files, rows, collector):
    """`lines` of the manifest and `files` by path; then rows of `collector`, where nothing else is said, each with some text if it has a path."""
    for row in rows:
        lines.append({"kind": "file", "outcome": "collected", "collector": collector} | row)
        if "path" in row:
            lines[-1]["header"] = 0
            files[row["path"]] = "text\n"
    files["diagbundle/manifest.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines)
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return FolderEvidence(str(place))
