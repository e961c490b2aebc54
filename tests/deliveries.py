"""Deliveries shaped as each forge documents its own: what it sends for a push, and how it signs."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

SECRET = "a secret of the tests"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"thirty-two bytes, as GitLab does").decode()
REPOSITORY = "team/shop"
MAIN = "refs/heads/main"
NOBODY = "0" * 40
PROVIDERS = ("github", "gitlab", "gitea", "bitbucket", "bearer")


@dataclass(frozen=True)
class Sent:
    """One request: header lines as they are sent, and the body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def with_header(self, name: str, value: str | None) -> "Sent":
        """With one header replaced; None takes it away."""
        kept = tuple(h for h in self.headers if h[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def with_twice(self, name: str) -> "Sent":
        """With one header standing there twice."""
        return replace(self, headers=(*self.headers, *(h for h in self.headers if h[0].lower() == name.lower())))


SIGNATURE = {
    "github": "X-Hub-Signature-256",
    "gitlab": "X-Gitlab-Token",
    "gitea": "X-Gitea-Signature",
    "bitbucket": "X-Hub-Signature",
    "bearer": "Authorization",
}


def push(
    provider: str,
    commit: str,
    ref: str = MAIN,
    repository: str = REPOSITORY,
    secret: str = SECRET,
    before: str = NOBODY,
) -> Sent:
    """A push of one branch or tag, signed."""
    return BUILDERS[provider](commit, ref, repository, secret, before)


def digest(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(sent: Sent, token: str = SIGNING_TOKEN, age: float = 0) -> Sent:
    """Signed as GitLab 19 does with a signing token, by Standard Webhooks; `age` in seconds."""
    key, name, moment = base64.b64decode(token.removeprefix("whsec_")), str(uuid.uuid4()), str(int(time.time() - age))
    signed = hmac.new(key, f"{name}.{moment}.".encode() + sent.body, hashlib.sha256).digest()
    headers = {
        "webhook-id": name,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    return replace(sent.with_header("X-Gitlab-Token", None), headers=(*sent.headers[:-1], *headers.items()))


def as_form(sent: Sent, secret: str = SECRET) -> Sent:
    """As GitHub sends it unless the content type is changed to JSON; the form as a whole is signed."""
    body = urlencode({"payload": sent.body.decode()}).encode()
    formed = replace(sent, body=body).with_header("Content-Type", "application/x-www-form-urlencoded")
    return formed.with_header("X-Hub-Signature-256", f"sha256={digest(body, secret)}")


def _sent(payload: dict[str, Any], **headers: str) -> Sent:
    given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Sent(tuple(given.items()), json.dumps(payload).encode())


def _github(commit: str, ref: str, repository: str, secret: str, before: str) -> Sent:
    person = {"name": "kari", "email": "kari@example.no", "username": "kari"}
    head = {
        "id": commit,
        "tree_id": "5b" * 20,
        "distinct": True,
        "message": 'orders: sum them up\n\nÆ, ø and å, "quotes" and $(nothing)',
        "timestamp": "2026-11-25T14:02:11+01:00",
        "url": f"https://github.example.com/{repository}/commit/{commit}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["backend/shop/main.py"],
    }
    payload = {
        "ref": ref,
        "before": before,
        "after": commit,
        "repository": {
            "id": 186853002,
            "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
            "name": repository.rpartition("/")[2],
            "full_name": repository,
            "private": True,
            "owner": {"name": repository.partition("/")[0], "login": repository.partition("/")[0], "id": 21031067},
            "html_url": f"https://github.example.com/{repository}",
            "default_branch": "main",
            "pushed_at": 1795611731,
        },
        "pusher": {"name": "kari", "email": "kari@example.no"},
        "sender": {"login": "kari", "id": 21031067, "type": "User", "site_admin": False},
        "created": before == NOBODY,
        "deleted": commit == NOBODY,
        "forced": False,
        "base_ref": None,
        "compare": f"https://github.example.com/{repository}/compare/{before[:12]}...{commit[:12]}",
        "commits": [head],
        "head_commit": None if commit == NOBODY else head,
    }
    sent = _sent(
        payload,
        User_Agent="GitHub-Hookshot/044aadd",
        X_GitHub_Delivery=str(uuid.uuid4()),
        X_GitHub_Event="push",
        X_GitHub_Hook_ID="292430182",
        X_GitHub_Hook_Installation_Target_Type="repository",
    )
    old = "sha1=" + hmac.new(secret.encode(), sent.body, hashlib.sha1).hexdigest()
    signed = sent.with_header("X-Hub-Signature", old)
    return signed.with_header("X-Hub-Signature-256", f"sha256={digest(sent.body, secret)}")


def _gitlab(commit: str, ref: str, repository: str, secret: str, before: str) -> Sent:
    payload = {
        "object_kind": "tag_push" if ref.startswith("refs/tags/") else "push",
        "event_name": "push",
        "before": before,
        "after": commit,
        "ref": ref,
        "ref_protected": True,
        "checkout_sha": None if commit == NOBODY else commit,
        "user_id": 4,
        "user_name": "Kari",
        "user_username": "kari",
        "project_id": 15,
        "project": {
            "id": 15,
            "name": "Shop",
            "web_url": f"https://gitlab.example.com/{repository}",
            "namespace": repository.partition("/")[0],
            "visibility_level": 0,
            "path_with_namespace": repository,
            "default_branch": "main",
        },
        "commits": [],
        "total_commits_count": 1,
        "repository": {"name": "Shop", "url": f"git@gitlab.example.com:{repository}.git", "visibility_level": 0},
    }
    return _sent(
        payload,
        User_Agent="GitLab/19.1.0",
        X_Gitlab_Event="Tag Push Hook" if ref.startswith("refs/tags/") else "Push Hook",
        X_Gitlab_Webhook_UUID=str(uuid.uuid4()),
        X_Gitlab_Event_UUID=str(uuid.uuid4()),
        X_Gitlab_Instance="https://gitlab.example.com",
        Idempotency_Key=str(uuid.uuid4()),
        X_Gitlab_Token=secret,
    )


def _gitea(commit: str, ref: str, repository: str, secret: str, before: str) -> Sent:
    payload = {
        "ref": ref,
        "before": before,
        "after": commit,
        "compare_url": f"https://git.example.com/{repository}/compare/{before}...{commit}",
        "commits": [],
        "total_commits": 1,
        "head_commit": None,
        "repository": {
            "id": 140,
            "owner": {"id": 1, "login": "team", "full_name": "Team", "username": "team"},
            "name": repository.rpartition("/")[2],
            "full_name": repository,
            "private": True,
            "default_branch": "main",
        },
        "pusher": {"id": 1, "login": "kari", "username": "kari"},
        "sender": {"id": 1, "login": "kari", "username": "kari"},
    }
    sent = _sent(
        payload,
        X_GitHub_Delivery=str(uuid.uuid4()),
        X_GitHub_Event="push",
        X_Gogs_Event="push",
        X_Gitea_Delivery=str(uuid.uuid4()),
        X_Gitea_Event="push",
        X_Gitea_Event_Type="push",
    )
    both = sent.with_header("X-Hub-Signature-256", f"sha256={digest(sent.body, secret)}")
    return both.with_header("X-Gitea-Signature", digest(sent.body, secret))


def _bitbucket(commit: str, ref: str, repository: str, secret: str, before: str) -> Sent:
    """Cloud's; a push of two branches at once, the other one first."""
    kind, name = ("tag" if ref.startswith("refs/tags/") else "branch"), ref.split("/", 2)[2]
    side = {"type": kind, "name": name, "target": {"type": "commit", "hash": commit, "parents": []}}
    gone = {"type": kind, "name": name, "target": {"type": "commit", "hash": before}}
    other = {"type": "branch", "name": "feature/main", "target": {"type": "commit", "hash": "77" * 20}}
    change = {
        "old": None if before == NOBODY and commit != NOBODY else gone,
        "new": None if commit == NOBODY else side,
        "created": before == NOBODY,
        "closed": commit == NOBODY,
        "forced": False,
        "truncated": False,
    }
    payload = {
        "push": {"changes": [{"old": None, "new": other, "created": True, "closed": False, "forced": False}, change]},
        "actor": {"type": "user", "display_name": "Kari", "nickname": "kari"},
        "repository": {"type": "repository", "full_name": repository, "name": "shop", "is_private": True},
    }
    return _bitbucket_signed(payload, "repo:push", secret)


def bitbucket_data_center(commit: str, ref: str = MAIN, project: str = "TEAM", slug: str = "shop") -> Sent:
    """Data Center's delivery for a push."""
    kind = "TAG" if ref.startswith("refs/tags/") else "BRANCH"
    change = {
        "ref": {"id": ref, "displayId": ref.split("/", 2)[2], "type": kind},
        "refId": ref,
        "fromHash": "ec" * 20,
        "toHash": commit,
        "type": "DELETE" if commit == NOBODY else "UPDATE",
    }
    payload = {
        "eventKey": "repo:refs_changed",
        "date": "2026-11-25T09:45:32+1000",
        "actor": {"name": "kari", "emailAddress": "kari@example.no", "id": 1, "displayName": "Kari", "slug": "kari"},
        "repository": {
            "slug": slug,
            "id": 84,
            "name": slug,
            "scmId": "git",
            "project": {"key": project, "id": 84, "name": "Team", "public": False, "type": "NORMAL"},
        },
        "changes": [change],
    }
    return _bitbucket_signed(payload, "repo:refs_changed", SECRET)


def _bitbucket_signed(payload: dict[str, Any], event: str, secret: str) -> Sent:
    sent = _sent(payload, X_Event_Key=event, X_Request_UUID=str(uuid.uuid4()), X_Attempt_Number="1")
    return sent.with_header("X-Hub-Signature", f"sha256={digest(sent.body, secret)}")


def _bearer(commit: str, ref: str, repository: str, secret: str, before: str) -> Sent:
    return _sent({"commit": commit}, Authorization=f"Bearer {secret}")


BUILDERS = {"github": _github, "gitlab": _gitlab, "gitea": _gitea, "bitbucket": _bitbucket, "bearer": _bearer}
