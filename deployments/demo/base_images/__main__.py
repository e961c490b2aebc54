"""`python -m deployments.demo.base_images`: has the base images on this machine's Engine."""

from deployments.demo.base_images import ensure_base_images

ensure_base_images(print)
