"""Everything needed to run Slipway somewhere: the command line, the webhook receiver, the demo."""
