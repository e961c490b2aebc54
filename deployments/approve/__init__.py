"""Answers a run that waits: `slipway approve` and `reject`, and the page behind the link in a notification."""
