"""Images: built once per content by BuildKit, pushed, from then on named by digest.

Door: `build.build_image`, `build.build_target`. In: a component's tree. Out: `Image`, an image id.
"""
