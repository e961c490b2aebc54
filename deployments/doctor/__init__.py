"""`slipway doctor`: looks at every connection, right and clock that a release needs, and says what to mend.

Door: `examine.examine`. In: `release.yaml` and the environment. Out: findings. Nothing is changed anywhere: a push is
asked for and not made, an upload is begun and taken back; only our own mirrors under SLIPWAY_HOME are brought up to date.
"""
