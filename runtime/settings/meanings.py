"""What each setting is for, in a line, by the name that users write: for the reference and `treadle doctor --json`.

Values, types and defaults are `runtime.config`'s; `DEFAULTS` has words for the defaults that depend on something.
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "planner": "who decides which worker runs what: `simple`, `wukong`, `uniform`, `non-uniform`, `dask` or `treadle`",
    "workers": "how many worker ids a plan may have; `wukong` has none",
    "rounds": "steps that a planner which searches may try",
    "optimize": "optimizations of the plan: `none`; others are not executed yet",
    "max_file_size_bytes": "the largest file that a manifest may be, or include",
    "max_instances": "the most instances that a manifest may stand for",
    "lease": "a worker that has not been heard of for so long is taken for dead",
    "renew": "how often a worker says that it lives; shorter than `lease`",
    "linger": "how long a pinned worker waits for inputs before it leaves",
    "call_limit": "a called worker that has not begun by then is called again",
    "max_tries": "begins of one worker without a new stored output before the run fails",
    "deadline": "the longest that a run may take",
    "keep_keys": "how long the keys of a run stay beyond its deadline",
    "store_value_bytes": "a larger value has keys of its own in Redis",
    "object_store": "where values over `object_store_bytes` lie: `s3://BUCKET/PREFIX`, or the whole path of a folder"
    " that every worker sees",
    "object_store_bytes": "a larger value goes to `object_store`",
    "inline_subdag_bytes": "a larger part of the DAG is fetched, not sent inside an invocation",
    "inline_value_bytes": "a larger value is fetched, not sent inside an invocation",
    "inline_values_bytes": "what the values inside one invocation may take together",
    "metrics_upload": "when a worker sends what it measured: `shutdown`, `task`, `every:5s` or `queue:50`",
    "time_margin": "a worker hands over when less than this is left of its invocation",
    "fan_out": "flexible workers that one commit may call anew",
    "deployment": "names keys, blobs, history and signing keys that belong together",
    "signing_key": "where the signing keys are, for machines that share them: `env:NAME`, `file:PATH`, `ssm:/path` or"
    " `secretsmanager:ID`",
    "concurrency_limit": "environments at one time",
    "time_limit": "ends an invocation, as Lambda's `Timeout` does; whole seconds, `15m` at most",
    "request_rate": "requests a second, beyond which the service answers 429",
    "request_burst": "requests at once, beyond which it answers 429, with `request_rate`",
    "idle_expiry": "how long an environment without work stays",
    "start": "how environments start: `zygote` forks a warm process, `exec` starts each anew",
    "redis_url": "a Redis of your own: `redis://`, `rediss://` (TLS) or `unix://`",
    "redis_ca_file": "the certificate of who signed that of a `rediss://` server, unless this machine knows them",
    "redis_cert_file": "a certificate, for a server that wants one of its clients",
    "redis_key_file": "the key of `redis_cert_file`",
    "lambda_port": "the port of the service on 127.0.0.1; 0 takes a free one",
    "retries": "how often Lambda itself repeats a failed asynchronous invocation",
    "link": "what lies between environments and Redis: `none`, `lambda`, or a round trip and a bandwidth of each"
    " environment, `5ms,20MB/s`",
}

DEFAULTS: Mapping[str, str] = {
    "concurrency_limit": "twice the processors, at least 4",
    "fan_out": "as `concurrency_limit`",
}
