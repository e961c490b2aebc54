"""Watching: rollout is others' work; a promotion ends when the customer is seen running the release.

Doors: `verify.verify_customer`, `verify.verify_customers`, `outcomes`. In: a release and customers, seen by HTTP,
Argo CD, Kubernetes or Flux. Out: what each runs, or an error that says what was seen last.
"""
