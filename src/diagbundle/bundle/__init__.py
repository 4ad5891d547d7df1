"""The ground floor: the bundle, its bytes, writing and reading them."""
