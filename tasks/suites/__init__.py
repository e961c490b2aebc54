"""Tests: a suite runs in a container made from the component's own test target, beside its services.

Door: `unit.run_suite`, `end_to_end.run_end_to_end`. In: a commit or images by digest. Out: `SuiteResult`.
"""
