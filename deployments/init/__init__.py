"""`slipway init`: looks at an app and a GitOps repository, and writes a first release.yaml with what it recognised."""
