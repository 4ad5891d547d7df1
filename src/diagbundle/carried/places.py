"""Where, in the archive of the static file, its list of parts lies, and in that of a kit all that it carries."""

PARTS = "diagbundle/parts.cdx.json"
"""What the file consists of, written by packaging/static/sbom.py."""

FOLDER = "diagbundle/kit/product"
"""All of it."""
HEAD = f"{FOLDER}/product.json"
"""The fields of `described.Product`, as JSON."""
