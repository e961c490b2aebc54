"""Secrets: where they are read, and how they are kept out of whatever people can read.

Doors: `secret.read_secret`, `masking.mask`, `known.learn_all`. What is read here is learnt, and masked from then on.
"""
