"""The static file for a product: a copy that carries its collectors, rules, name and texts."""
