"""Git out: the GitOps repository, read as the fleet, planned, edited byte by byte, pushed by compare-and-swap.

Door: `fleet.read_fleet`, `plan.make_plan`, `edit.edit_customer`, `commit.commit_ring`. In: a release. Out: a commit per ring.
"""
