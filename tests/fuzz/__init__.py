"""A fuzzer on everything that reads what strangers wrote: bundles, configuration, and whatever a host says.

`python -m tests.fuzz` is the long run, `tests/test_fuzz.py` the short one. `targets.py` has the table of what is tried;
`seeds/` holds small real inputs by target, `found/` those that once failed.
"""
