"""Where, in the archive of a kit, everything lies that it carries."""

FOLDER = "diagbundle/kit/product"
"""All of it."""
HEAD = f"{FOLDER}/product.json"
"""The fields of `described.Product`, as JSON."""
