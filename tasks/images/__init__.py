"""Images: built once per content by BuildKit, pushed, from then on named by digest; and what is on record beside them.

Door: `build.build_image`, `build.build_target`, `proofs.proven`. In: a component's content. Out: `Image`, an image id.
"""
