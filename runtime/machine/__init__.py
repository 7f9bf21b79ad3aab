"""Parts of the worker's state machine: `runtime.worker` composes them. None of them does input or output."""
