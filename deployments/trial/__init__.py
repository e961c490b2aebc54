"""`slipway test`: the suites of a release on a developer's machine, in the same containers.

Door: `choose.choose`, `run.run`. In: release.yaml and a checkout. Out: `Tried` for each suite, and lines to print.
"""
