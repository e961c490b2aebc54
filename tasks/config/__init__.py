"""`release.yaml`: what it may say, and reading it.

Doors: `model.Config`, `file.load_config`. In: the file. Out: a `Config`, or every wrong key at once with its line.
"""
