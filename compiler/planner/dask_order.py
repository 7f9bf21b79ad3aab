"""The order in which Dask would run a graph, were there one worker: few values are held at any time.

After `dask.order` (https://docs.dask.org/en/stable/order.html; dask/order.py, version 2026.8), of which it keeps what
decides: a target is chosen among the sinks, its most valuable way back to a root is walked, what else the way needs is
computed before it, and what has become runnable beside it is run at once when that ends in a sink or completes a
reduction. Left out is what data tasks and aliases want, which a manifest has none of. Where Dask counts the roots that
a sink still needs, the number of everything that it depends on stands here: linear, and the same for trees, chains and
layers.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.model import Graph

MOST = 1 << 62
"""Ways are counted with their multiplicity, which grows without bound in a mesh; beyond this all are alike."""


def dask_order(graph: Graph) -> list[int]:
    """Every instance once, producers first; linear but for sorting each task's inputs."""
    return _Walk(graph).run()


class _Walk:
    def __init__(self, graph: Graph) -> None:
        count = len(graph)
        self.needs = [sorted({producer for producer, _ in sources}) for sources in graph.in_edges]
        self.feeds: list[list[int]] = [[] for _ in range(count)]
        for consumer, producers in enumerate(self.needs):
            for producer in producers:
                self.feeds[producer].append(consumer)
        self.lacking = [len(producers) for producers in self.needs]
        self.total = _totals(self.needs, self.feeds)
        self.is_done = bytearray(count)
        self.order: list[int] = []
        self.runnable: list[int] = []

    def run(self) -> list[int]:
        sinks = [instance for instance, consumers in enumerate(self.feeds) if not consumers]
        for target in self._targets(sinks):
            if not self.is_done[target]:
                self._walk(target)
        return self.order

    def _targets(self, sinks: Sequence[int]) -> Sequence[int]:
        """The longest first where a graph narrows or widens much, else the shortest."""
        roots = sum(not producers for producers in self.needs)
        is_longest_first = abs(roots - len(sinks)) / max(1, roots) >= 0.8
        return sorted(sinks, key=lambda one: (-self.total[one] if is_longest_first else self.total[one], one))

    def _worth(self, instance: int) -> tuple[int, int, int]:
        return self.total[instance], len(self.needs[instance]), instance

    def _walk(self, target: int) -> None:
        """Back from the target along the most valuable inputs, then forward; what is lacking goes before."""
        way, walked_back = [target], False
        while missing := [one for one in self.needs[way[-1]] if not self.is_done[one]]:
            way.append(max(missing, key=self._worth))
        while way:
            instance = way[-1]
            if self.is_done[instance]:
                way.pop()
            elif self.lacking[instance]:
                missing = sorted((one for one in self.needs[instance] if not self.is_done[one]), key=self._worth)
                walked_back = walked_back or len(missing) > 1
                way += missing
            else:
                way.pop()
                if walked_back:
                    self._run_beside()
                self._add(instance)
        self._run_beside()

    def _add(self, instance: int) -> None:
        """It runs; whoever is its only consumer and lacks nothing runs right after it."""
        chain = [instance]
        while chain:
            current = chain.pop()
            if self.is_done[current]:
                continue
            self.is_done[current] = 1
            self.order.append(current)
            for consumer in self.feeds[current]:
                self.lacking[consumer] -= 1
                if not self.lacking[consumer]:
                    (chain if len(self.feeds[current]) == 1 else self.runnable).append(consumer)

    def _run_beside(self) -> None:
        """What lacks nothing and leads, without a branch, to a sink or to the last input of a reduction."""
        while self.runnable:
            instance = self.runnable.pop()
            if self.is_done[instance]:
                continue
            at = instance
            while len(self.feeds[at]) == 1 and len(self.needs[self.feeds[at][0]]) == 1:
                at = self.feeds[at][0]
            following = self.feeds[at]
            if not following or (len(following) == 1 and self.lacking[following[0]] <= 1):
                self._add(instance)


def _totals(needs: Sequence[Sequence[int]], feeds: Sequence[Sequence[int]]) -> list[int]:
    """By instance how many it depends on, itself among them, counted once for each way."""
    total = [1] * len(needs)
    lacking = [len(producers) for producers in needs]
    ready = [instance for instance, count in enumerate(lacking) if not count]
    while ready:
        instance = ready.pop()
        for consumer in feeds[instance]:
            total[consumer] = min(MOST, total[consumer] + total[instance])
            lacking[consumer] -= 1
            if not lacking[consumer]:
                ready.append(consumer)
    return total
