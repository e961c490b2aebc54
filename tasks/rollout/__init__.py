"""Watching: rollout is others' work; a promotion ends when the customer is seen running the release.

Door: `http.verify_customer`. In: a promotion. Out: `Outcome`, or a transient error while it is not there yet.
"""
