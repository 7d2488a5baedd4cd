"""The budget for repetitions, in any order of calls, repetitions and pauses."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.upstream.layers.retry import FLOOR, RESERVE, RetryBudget
from tests.upstream.world import Time


class BudgetModel(RuleBasedStateMachine):
    """Never more than the reserve, the share of the calls made, and one every so often; never less than that one."""

    @initialize(ratio=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def begin(self, ratio: float) -> None:
        self.time = Time()
        self.began = self.last = self.time.now
        self.ratio = ratio
        self.budget = RetryBudget(ratio, self.time.clock)
        self.earned, self.spent = 0, 0

    @rule()
    def earn(self) -> None:
        before = self.budget.tokens
        self.budget.earn()
        self.earned += 1
        assert before <= self.budget.tokens <= before + self.ratio

    @rule(times=st.integers(1, 15))
    def spend(self, times: int) -> None:
        for _ in range(times):
            tokens, quiet = self.budget.tokens, self.time.now - self.last
            given = self.budget.spend()
            self.spent += given
            if tokens >= 1:
                assert given
            if given and tokens < 1:
                assert self.ratio
                self.last = self.time.now
            if not given:
                assert self.ratio == 0 or quiet < FLOOR

    @rule(seconds=st.sampled_from([0.1, 1.0, FLOOR, 30.0]))
    def wait(self, seconds: float) -> None:
        self.time.advance(seconds)

    @invariant()
    def no_more_than_it_may(self) -> None:
        if not hasattr(self, "budget"):
            return
        floor = (self.time.now - self.began) / FLOOR if self.ratio else 0
        assert self.spent <= RESERVE + self.ratio * self.earned + floor + 1e-6
        assert 0 <= self.budget.tokens <= RESERVE


TestTheBudgetIsAsTheModel = BudgetModel.TestCase
TestTheBudgetIsAsTheModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
