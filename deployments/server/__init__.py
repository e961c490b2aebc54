"""`slipway server`: what Slipway needs on a Prefect server, and whether it is there."""
