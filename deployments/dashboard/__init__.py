"""The dashboard: pages that people look at, read-only, made on the server from the GitOps branch. Door: `app.make_app`."""
