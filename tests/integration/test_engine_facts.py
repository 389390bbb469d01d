"""Facts: a role's play gathers them where its job asks for it, and only there, in a warm worker and in a process of its own."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import ROLES

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", ["inline", "subprocess"])
async def test_facts_are_gathered_where_the_job_asks(name: str) -> None:
    found = engine.Engine(engine.EngineOptions(environment={"ANSIBLE_ROLES_PATH": str(ROLES)}, workers=1))
    try:
        assert await found.start() == {}
        for wanted in (False, True):
            job = engine.Job(
                role=str(ROLES / "factual"), extra_vars={"wanted": wanted}, gather_facts=wanted, engine=name, timeout=60
            )
            result = await found.run(job, lambda task: None)
            assert result.ok, result
    finally:
        await found.close()
