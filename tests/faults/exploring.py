"""Runs a machine of acts and harms as often as is wanted."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run_examples(machine: type[RuleBasedStateMachine], examples: int, *, steps: int) -> None:
    """Run so many examples of at most so many steps; one that fails is told so that it can be run again."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[phase for phase in Phase if phase is not Phase.explain],
        ),
    )
