"""What a history has of tasks as they were: the same task of the same workflow, with other code."""

from __future__ import annotations

from compiler.predict.predictions import Predictions


def changed_tasks(predictions: Predictions) -> list[str]:
    """The tasks that have run, but not with the code that they have now; in the order of the graph.

    What they took before says nothing of what they will take, and is not counted.
    """
    graph, history = predictions.graph, predictions.history
    remembered = {task for one in history.graphs.values() if one.workflow == graph.name for task, _ in one.families}
    return [
        family.task
        for family, mark in zip(graph.families, predictions.fingerprints, strict=True)
        if family.task in remembered and not history.functions(mark)
    ]
