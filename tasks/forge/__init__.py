"""Asks for a change by pull request on GitHub, GitLab or Gitea and Forgejo: opens, reads, merges, closes, tells checks.

Door: `pull_request.py` and `status.py`. In: `config.Forge`, a branch that git has pushed. Out: `models.PullRequest`.
"""
