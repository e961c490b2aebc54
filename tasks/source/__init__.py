"""Git in: the app's commit, checked to be on main, and what changed since the last release.

Door: `checkout.check_out`, `content.made_of`, `changes.find_changes`. In: a request and the fleet. Out: `Source`, `Changes`.
"""
