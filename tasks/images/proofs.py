"""Evidence: a suite that passed for a key is on record in the registry beside the image, and does not run again.

An OCI artifact: an image manifest with an artifactType, the empty configuration and one layer of JSON, whose subject is the
image when that is there. Source: OCI Image Specification 1.1, "Guidelines for Artifact Usage".
"""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from pydantic import ValidationError

from tasks.errors import ReleaseRefused, SlipwayError
from tasks.failpoints import reach
from tasks.images.artifacts import Artifacts, digest_of
from tasks.images.lock import held
from tasks.images.registry_api import DIGEST, MANIFESTS
from tasks.models import Claim, Proof, ReusedFrom, SuiteResult, TestCase, key_of
from tasks.secrets.masking import mask
from tasks.settled import require_needed

log = logging.getLogger(__name__)
KIND = "application/vnd.slipway.evidence.v1+json"
EMPTY_KIND = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
AT_ONCE = 8


class Unusable(ValueError):
    """What stands in the registry is not the record that was looked for; its message says why."""


def proven(claim: Claim, run: Callable[[], SuiteResult], by: ReusedFrom, reuse: bool = True) -> SuiteResult:
    """The result on record, or that of `run`, which is put on record when it passed; who runs the same here is waited for.

    What `run` raises is raised: of a suite that failed nothing is kept, so it runs again until it passes; what an earlier run
    has put on record is taken back.
    """
    with held(claim.key):
        if reuse and (found := find(claim)):
            return found
        try:
            result = run()
        except ReleaseRefused:
            require_needed(claim.name)
            _take_back(claim, by)
            raise
        require_needed(claim.name)  # of containers that were taken away nothing is kept
        keep(claim, result, by)
        return result


def find_all(claims: Sequence[Claim]) -> list[SuiteResult]:
    """The results on record of those that have one, asked for at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # What is logged in a thread belongs to this run, too.
        asked = [pool.submit(copy_context().run, find, claim) for claim in claims]
        return [result for future in asked if (result := future.result())]


def find(claim: Claim) -> SuiteResult | None:
    """The result on record for this very key; None when there is none, or none that can be trusted, which is logged."""
    try:
        with Artifacts(claim.repository) as repository:
            proof = _read(repository, claim)
    except (SlipwayError, Unusable) as error:
        log.warning("%s: what is on record of it cannot be used: %s", claim.name, _first_line(error))
        return None
    if proof is None:
        return None
    log.info("%s: passed for the same content in %s", claim.name, proof.by)
    return proof.result.model_copy(update={"reused": proof.by})


def keep(claim: Claim, result: SuiteResult, by: ReusedFrom) -> None:
    """Puts a result on record, unless a test failed in quarantine: that is forgiven until a day, and the record has none.

    A registry that does not take it costs a warning, never the release.
    """
    if result.failed or result.forgiven:
        _take_back(claim, by)
        return
    if problem := _put(claim, result, by):
        log.warning("%s: its result could not be put on record, so it will run again: %s", claim.name, problem)


def _take_back(claim: Claim, by: ReusedFrom) -> None:
    """Puts a record that it failed in the place of one that it passed: the last run counts, and few registries take things away."""
    if not find(claim):
        return
    log.warning("%s: it passed before for the same content, and not now: its record is taken back", claim.name)
    failed = TestCase(name=claim.suite, message="a later run did not pass")
    result = SuiteResult(
        component=claim.component, suite=claim.suite, passed=0, failed=(failed,), seconds=0, junit=False
    )
    if problem := _put(claim, result, by):
        log.error("%s: its record could not be taken back, release with --no-reuse: %s", claim.name, problem)


def _put(claim: Claim, result: SuiteResult, by: ReusedFrom) -> str:
    """Writes a record; why it could not be written, or nothing."""
    proof = Proof(key=claim.key, parts=claim.parts, by=by, result=result)
    try:
        with Artifacts(claim.repository) as repository:
            _write(repository, claim, mask(proof.model_dump_json()).encode())
        reach("suite:recorded")
    except SlipwayError as error:
        return _first_line(error)
    return ""


def _write(repository: Artifacts, claim: Claim, content: bytes) -> None:
    layer = {"mediaType": KIND, "digest": repository.push_blob(content), "size": len(content)}
    config = {"mediaType": EMPTY_KIND, "digest": repository.push_blob(EMPTY), "size": len(EMPTY)}
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFESTS[0],
        "artifactType": KIND,
        "config": config,
        "layers": [layer],
    }
    if image := repository.raw_manifest(claim.beside):
        manifest["subject"] = {"mediaType": image[1], "digest": digest_of(image[0]), "size": len(image[0])}
    repository.push_manifest(claim.tag, json.dumps(manifest).encode(), MANIFESTS[0])


def _read(repository: Artifacts, claim: Claim) -> Proof | None:
    found = repository.raw_manifest(claim.tag)
    if found is None:
        return None
    content = repository.blob(_layer(found[0]))
    if content is None:
        raise Unusable("its layer is not there")
    try:
        proof = Proof.model_validate_json(content)
    except ValidationError as error:
        raise Unusable("it is not a record of ours") from error
    result = proof.result
    if proof.key != claim.key or key_of(proof.parts) != claim.key:
        raise Unusable("it is of another key")
    if result.failed or result.forgiven or (result.component, result.suite) != (claim.component, claim.suite):
        raise Unusable("it is of another suite, or of one that failed")
    return proof


def _layer(manifest: bytes) -> str:
    """Digest of the one layer."""
    try:
        document = json.loads(manifest)
        (layer,) = document["layers"]
        kind, digest = document["artifactType"], layer["digest"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unusable("its manifest is not one of ours") from error
    if kind != KIND or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Unusable("its manifest is not one of ours")
    return digest


def _first_line(error: Exception) -> str:
    return "; ".join(str(error).split("\n")[:2])
