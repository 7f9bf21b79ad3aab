"""What a run needs before anybody can work on it: functions, and whatever its workers may fetch."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.backends.awslambda import ensure_functions, make_client
from runtime.run_inputs import publish_inputs
from runtime.runs.session import Session


def prepare_functions(session: Session) -> None:
    """Make the Lambda function of every class what it should be."""
    target, bundle = session.target, session.bundle
    variables = {
        "TREADLE_REDIS_URL": target.redis_url,
        "TREADLE_DEPLOYMENT": target.deployment,
        "TREADLE_KEY": session.key.hex(),
        "TREADLE_FUNCTION_PREFIX": target.function_prefix,
    }
    if target.lambda_endpoint is not None:
        variables["AWS_ENDPOINT_URL_LAMBDA"] = target.lambda_endpoint
    ensure_functions(
        make_client(target.lambda_endpoint, target.region),
        bundle.classes,
        bundle.blob(bundle.closure),
        variables,
        function_prefix=target.function_prefix,
        role=target.role,
        timeout_s=target.time_limit_s,
    )


def publish(session: Session, inputs: Mapping[str, object]) -> dict[str, bytes]:
    """Put what workers may fetch: code, files, literals and SubDags of the deployment, the run's pages and inputs.

    Returns the sealed inputs that are not large. Raises `NotSerializable`.
    """
    bundle, values, trust = session.bundle, session.backend.values, session.trust
    digests = [*bundle.units, *bundle.literals, *bundle.files, *(row.subdag for row in bundle.workers.values())]
    values.put_blobs({digest: trust.seal_blob(digest, bundle.blob(digest)) for digest in digests})
    if bundle.pages:
        pages = range(len(bundle.pages))
        values.put_pages({number: trust.seal_page(number, bundle.page(number)) for number in pages})
    return publish_inputs(inputs, values, trust, session.settings.store_value_bytes)
