"""What a run needs before anybody can work on it: functions, and whatever its workers may fetch.

Graph and plan are blobs of the deployment, like code, and not keys of the run: runs of one bundle share them, and those
that are there already are not sent again. The record names them.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping

from runtime.backends.awslambda import ensure_functions, make_client
from runtime.backends.objects import object_store_variables
from runtime.errors import RuntimeFault
from runtime.links import NETWORK_VARIABLE, NO_LINK
from runtime.run_inputs import publish_inputs
from runtime.runs.record import RunRecord
from runtime.runs.session import Session


class LinkRefused(RuntimeFault):
    """The link that was asked for cannot be had with this Redis."""

    code = "link-refused"
    exit_code = 2


def prepare_functions(session: Session) -> None:
    """Make the Lambda function of every class what it should be. Raises `LinkRefused`."""
    target, bundle = session.target, session.bundle
    check_link(session)
    variables = {
        "TREADLE_REDIS_URL": target.redis_url,
        "TREADLE_DEPLOYMENT": target.deployment,
        "TREADLE_KEYS": session.keys.variable(),
        "TREADLE_FUNCTION_PREFIX": target.function_prefix,
    }
    if target.lambda_endpoint is not None:
        variables |= {"AWS_ENDPOINT_URL_LAMBDA": target.lambda_endpoint, **object_store_variables(session.settings)}
        variables |= {} if target.link == NO_LINK else {NETWORK_VARIABLE: target.link}
    ensure_functions(
        make_client(target.lambda_endpoint, target.region),
        bundle.classes,
        bundle.blob(bundle.closure),
        variables,
        function_prefix=target.function_prefix,
        role=target.role,
        timeout_s=target.time_limit_s,
    )


def check_link(session: Session) -> None:
    """Raises `LinkRefused` when the run's link cannot lie before its Redis."""
    if session.target.link != NO_LINK and session.backend.link.is_cluster:
        raise LinkRefused(
            "a link cannot lie before a Redis Cluster: workers reach its nodes at addresses of their own",
            hint="give a single Redis, or leave --link out",
        )


def publish(session: Session, inputs: Mapping[str, object], record: RunRecord) -> dict[str, bytes]:
    """Put what workers and later clients may fetch.

    That is: code, files, literals, SubDags, index, graph and plan of the deployment; pages and inputs of the run.
    Returns the sealed inputs that are not large. Raises `NotSerializable`.
    """
    bundle, values, trust = session.bundle, session.backend.values, session.trust
    if session.backend.objects is not None:
        session.backend.objects.check()
    blobs = {digest: bundle.blob(digest) for digest in record.blobs if digest != bundle.digest}
    blobs[bundle.digest] = bundle.index
    values.put_blobs(
        {digest: trust.seal_blob(digest, data) for digest, data in blobs.items()},
        lambda digest, head: trust.seals_blob(digest, head, blobs[digest]),
    )
    if bundle.pages:
        pages = range(len(bundle.pages))
        values.put_pages({number: trust.seal_page(number, bundle.page(number)) for number in pages})
    return publish_inputs(inputs, values, trust, session.settings.store_value_bytes)


def make_record(session: Session, inputs: Iterable[str], started: float | None = None) -> RunRecord:
    """The record of a run that is launched now; `started` says when it was first, if that is longer ago."""
    bundle, now = session.bundle, time.time()
    elsewhere = {bundle.package, *bundle.pages}
    return RunRecord(
        run=session.run,
        workflow=bundle.name,
        planner=bundle.planner,
        sla=bundle.sla,
        tasks=bundle.task_count,
        started=started or now,
        launched=now,
        bundle=bundle.digest,
        blobs=(bundle.digest, *(digest for digest in bundle.digests() if digest not in elsewhere)),
        graph=bundle.graph_digest,
        plan=bundle.plan_digest,
        inputs=tuple(inputs),
        settings=session.settings,
        key=session.trust.signer.id.hex(),
        host=platform.node(),
        link=session.target.link,
        promise=bundle.promise,
        prices=bundle.prices,
    )
