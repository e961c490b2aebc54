"""The demo: a sample app, ten customers and real servers, all on this machine."""
