"""Tells people by chat or mail. Door: `send.send`, and `wording` for what is said. In: a notification's settings, a message; out: what went wrong."""
